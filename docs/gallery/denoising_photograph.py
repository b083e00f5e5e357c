"""Denoise a photograph.

A denoising autoencoder of small patches, put together over a whole picture, of a photograph that gave training
patches, too.
"""

# %%
# Patches of photographs that come with scikit-image (the extra `aelab[images]`) and scikit-learn; noise of 25 grey
# levels of 255.
import matplotlib.pyplot as plt
import numpy as np

import aelab

run = aelab.train(
    [
        "model=denoising",
        "corruption=gaussian",
        "corruption.std=0.098",
        "data=natural_patches",
        "data.patch_size=8",
        "data.count=20000",
        "data.held_out=1000",
        "network=centred_mlp",
        "network.hidden=[256]",
        "network.code_size=48",
        "trainer.max_epochs=8",
        "optimizer.lr=0.002",
        "callbacks.pictures_every=0",
        "logger=none",
    ]
)

# %%
# Every patch of the noisy picture is rebuilt, and where patches lie over one another their mean is taken.
from skimage.data import gravel
from skimage.metrics import peak_signal_noise_ratio as psnr
from skimage.restoration import denoise_nl_means

clean = gravel()[100:260, 100:340].astype(np.float32) / 255
noisy = clean + np.random.default_rng(0).normal(0, 25 / 255, clean.shape).astype(np.float32)
total, count = np.zeros_like(noisy), np.zeros_like(noisy)
places = [(i, j) for i in range(0, 153, 2) for j in range(0, 233, 2)]
patches = np.stack([noisy[i : i + 8, j : j + 8] for i, j in places])[:, None]
for (i, j), patch in zip(places, run.reconstruct(patches)):
    total[i : i + 8, j : j + 8] += patch[0]
    count[i : i + 8, j : j + 8] += 1
rebuilt = total / count
beside = denoise_nl_means(noisy, patch_size=5, patch_distance=6, h=0.8 * 25 / 255, sigma=25 / 255)

# %%
figure, axes = plt.subplots(1, 4, figsize=(12, 2.6))
for axis, picture, name in zip(
    axes, (clean, noisy, rebuilt, beside), ("clean", "noisy", "autoencoder", "non-local means")
):
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axis.set_title(
        name if picture is clean else f"{name}, {psnr(clean, np.clip(picture, 0, 1), data_range=1):.1f} dB", fontsize=10
    )
    axis.axis("off")
