"""One step of training, compiled: augmentation, gradients, the update of the weights; and many steps in one call."""
