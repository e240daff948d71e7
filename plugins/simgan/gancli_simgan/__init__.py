"""SimGAN, synthetic images refined towards real ones (Shrivastava et al. 2017), as a gancli plugin."""
