"""What tests of data-parallel runs train: any difference in a gradient would show.

A float64 contractive autoencoder with clipped gradients; an even number of examples, of which two processes leave none
out, and a last batch that is not full.
"""

OVERRIDES = (
    "model=contractive",
    "trainer.precision=64-true",
    "trainer.gradient_clip_val=5",
    "data.batch_size=64",
    "data.train_size=1290",
)
DIVERGING = 1e300
GOOD = 1e-3
