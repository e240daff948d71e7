"""Parts of commands that several of them use: opening a model, input images, latent files, picture pages."""
