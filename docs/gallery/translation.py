"""A translator with few pairs.

Pairs of sentences are dear, sentences cheap. A denoising autoencoder reads two languages without being told which
sentences belong together; then a few pairs teach it to translate. Was the reading worth anything?
"""

# %%
# 4,000 pairs that a small rule writes, so that nothing has to be downloaded: articles and adjectives of the French side
# agree with their nouns, and its adjectives stand behind them. `data.path=my.tsv` takes your own: a sentence, a tab and
# its translation a line, as Tatoeba and OPUS have them. On Debian `apt install libreoffice-help-en-us
# libreoffice-help-fr` brings the help of LibreOffice in two languages, which is read where `data.source` is left out.
import matplotlib.pyplot as plt

import aelab

run = aelab.train(
    [
        "data=parallel_text",
        "data.source=drawn",
        "model=denoising",
        "corruption=tokens",
        "network=seq2seq",
        "optimizer.lr=2e-3",
        "trainer.max_epochs=2",
        "callbacks.pictures_every=0",
        "logger=none",
    ]
)

# %%
# Taught by 200 pairs: from the run's weights (`chrf_200`), from random weights with as many steps (`scratch_...`), and
# from random weights with as many steps as reading and teaching take together (`longer_scratch_...`), which is what
# reading has to beat. Beside them the sentence itself, the translation of the most similar one among the pairs, and a
# word-by-word model (IBM's model 1) learned from them. chrF goes from 0 to 100, with 95 % intervals over the sentences.
found = run.evaluate("machine_translation", pairs=[200], steps=100, every=50, asked=100, val_asked=30, beam=None)
chrf = found[found.metric.str.endswith("chrf_200")].copy()
called = {
    "denoising": "two languages read before",
    "scratch_chrf_200": "random weights, as much teaching",
    "longer_scratch_chrf_200": "random weights, as many steps in all",
    "copy": "the sentence itself",
    "memory": "most similar sentence",
}
chrf["translator"] = [
    called.get(metric) or called.get(method, method.replace("_", " "))
    for metric, method in zip(chrf.metric, chrf.method)
]
chrf.set_index("translator")[["value", "low", "high"]].round(1)

# %%
# What reading brought, and what it did not.
chrf = chrf.sort_values("value")
figure, axis = plt.subplots(figsize=(7.5, 2.8))
colors = ["#4477aa" if name == called["denoising"] else "0.7" for name in chrf.translator]
axis.barh(chrf.translator, chrf.value, color=colors)
axis.errorbar(
    chrf.value, chrf.translator, xerr=[chrf.value - chrf.low, chrf.high - chrf.value], fmt="none", color="0.2"
)
axis.set(xlabel="chrF of 100 test sentences", xlim=(0, 100))
axis.spines[["top", "right"]].set_visible(False)
