"""EnhanceNet, super-resolution by texture synthesis (Sajjadi et al. 2017), as a gancli plugin."""
