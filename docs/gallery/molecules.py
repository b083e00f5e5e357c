"""Molecules out of a code.

A variational autoencoder reads molecules as SMILES, writes them again, and writes some that nobody gave it.
"""

# %%
# 5,000 molecules that a small rule writes, so that nothing has to be downloaded. `data.path=my.smi` takes your own, a
# molecule a line; `data.source=moses` those of MOSES, once `pip install --no-deps molsets==0.3.1` has brought them.
import matplotlib.pyplot as plt
import numpy as np

import aelab

run = aelab.train(
    [
        "data=smiles",
        "data.source=drawn",
        "model=vae",
        "model.weight=0.05",
        "model.warmup=0.3",
        "network.code_size=32",
        "optimizer.lr=0.007",
        "trainer.max_epochs=9",
        "callbacks.pictures_every=0",
        "logger=none",
    ]
)

# %%
# Six molecules of our own, through 32 numbers and back.
given = ["CCOc1c(C(=O)NC)cccc1", "FC1C(CNC2CCOCC2)CCCC1", "CNc1c(OC2CCNCC2)csc1", "CC(C)c1c(CCl)cncc1"]
given += ["ClC(=O)OC1C(CCC#N)COCC1", "CN(C)c1c(S(=O)(=O)Nc2ccncc2)cccc1"]
again = run.reconstruct(given)
for one, other in zip(given, again):
    print(f"{one:40} {other:40} {'the same' if one == other else ''}")

# %%
# New ones, from codes drawn from the prior N(0, I). rdkit (`pip install "aelab[molecules]"`) tells which are molecules
# at all; a decoder without any code writes valid strings, too, so that validity alone says little of a code
# ([drug discovery](../evaluation/drug_discovery.md)).
from rdkit import Chem, RDLogger
from rdkit.Chem import Draw

RDLogger.DisableLog("rdApp.*")
new = [str(text) for text in run.sample(500, seed=1)]
valid = [text for text in new if Chem.MolFromSmiles(text) is not None]
f"{len(valid)} of {len(new)} are molecules, {len(set(valid))} different ones"


# %%
# Above what was given and what was written again; below ways from one molecule to another, in equal steps of the code.
def drawn(texts: list[str], told: list[str]) -> np.ndarray:
    """Molecules side by side; a string that is none stays an empty place."""
    molecules = [Chem.MolFromSmiles(text) or Chem.Mol() for text in texts]
    return np.asarray(Draw.MolsToGridImage(molecules, len(texts), subImgSize=(230, 170), legends=told, returnPNG=False))


code = run.encode(given)
steps = np.linspace(0, 1, 6)[:, None]
ways = [
    [str(text) for text in run.decode(((1 - steps) * code[a] + steps * code[b]).astype(np.float32))]
    for a, b in ((0, 2), (1, 5))
]
rows = [
    drawn(given, ["given"] * 6),
    drawn(list(again), ["written again, the same" if a == b else "written again" for a, b in zip(given, again)]),
    *(drawn(way, ["from", "", "", "", "", "to"]) for way in ways),
]
figure, axis = plt.subplots(figsize=(11, 5.6))
axis.imshow(np.vstack(rows))
axis.axis("off")
axis.axhline(340, color="0.7", linewidth=1)
