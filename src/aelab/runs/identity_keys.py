"""Config keys that cannot change a result: they neither name a run nor tell two runs apart."""

# What cannot change the result: where things lie, who watches, and which machine does the work.
NOT_IDENTIFYING = (
    "callbacks.name",
    "callbacks.pictures_every",
    "data.cache",
    "data.num_workers",
    "data.root",
    "evaluation",
    "force",
    "hydra",
    "logger",
    "network.recompute",
    "paper",
    "paths",
    "replicas.chunk",
    "replicas.mode",
    "sweep",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.name",
    "trainer.num_nodes",
    "trainer.steps_per_execution",
    "trainer.strategy",
)

# Keys that came later, with the value that changes nothing: runs from before keep their names and differ in nothing.
LATER = {
    "monitor": None,
    "trainer.max_time": None,
    "data.one_class": None,
    "data.categorical": None,
    "data.id": None,
    "data.separator": None,
    "data.decimal": None,
    "data.header": None,
    "data.encoding": None,
    "data.comment": None,
    "data.missing_values": None,
    "data.thousands": None,
    "data.skip_rows": 0,
    "data.background": "white",
    "data.pages": None,
    "data.labels": None,
    "data.binarize": None,
    "replicas.draws": 0,
    "model.optimal_variance": False,
    "data.white": None,
    "model.decay": 0.0,
    "network.output_activation": "identity",
    "data.missing": None,
    "data.given": None,
    "data.weight": None,
}

# Keys of plans of replicas that are gone, with the value that changed nothing: runs keep the names that they had.
GONE = {"vary": None}
