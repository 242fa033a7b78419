"""The private names of Keras and TensorFlow that `tfkd/keras_internals.py` uses: what breaks when they change."""

from __future__ import annotations

import ast
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tests.conftest import ROOT
from tfkd import keras_internals

ALLOWED = {
    "_exit",  # of `os`
    # Names of the layers of KerasHub's backbones, in tfkd/pretrained/keras_presets.py.
    "_feedforward_intermediate_dense",
    "_feedforward_layer_norm",
    "_feedforward_output_dense",
    "_self_attention_layer",
    "_self_attention_layer_norm",
}


def require(condition, name):
    message = f"Keras {keras.__version__} has changed {name}: adapt tfkd/keras_internals.py, which says why it is used"
    assert condition, message


def adam(**settings):
    optimizer = keras.optimizers.Adam(0.1, **settings)
    variable = keras.Variable([1.0, 2.0])
    optimizer.build([variable])
    return optimizer, variable


def private_names(path):
    """Return the private attributes that a module uses, and the private names that it defines."""
    used, defined = {}, set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            (defined.add(node.attr) if isinstance(node.ctx, ast.Store) else used.setdefault(node.attr, node.lineno))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
    return used, defined


def test_no_other_module_uses_private_names_of_keras():
    modules = [path for path in sorted((ROOT / "tfkd").rglob("*.py")) if path.name != "keras_internals.py"]
    names = {path: private_names(path) for path in modules}
    defined = ALLOWED.union(*(own for _, own in names.values()))
    foreign = [
        f"{p.relative_to(ROOT)}:{line} {n}"
        for p, (used, _) in names.items()
        for n, line in used.items()
        if n not in defined
    ]
    assert foreign == []
    overridden = [
        f"{p.relative_to(ROOT)} {n}"
        for p, (_, own) in names.items()
        for n in own & {"_maybe_symbolic_build", "_clip_gradients", "_all_reduce_sum_gradients", "_setattr_hook"}
    ]
    assert overridden == []
    for path in modules:
        assert "keras.src" not in path.read_text(), path
        assert "tensorflow.python" not in path.read_text(), path
    assert Path(keras_internals.__file__) == ROOT / "tfkd/keras_internals.py"


def test_loss_metric():
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    require(isinstance(getattr(model, "_loss_tracker", None), keras.metrics.Mean), "Model._loss_tracker")
    keras_internals.loss_metric(model).update_state(3.0)
    require(model.get_metrics_result() == {"loss": 3.0}, "Model._loss_tracker")


def test_metrics_are_built_before_the_first_step():
    class Model(keras_internals.BuildsMetrics, keras.Model):
        pass

    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        model = Model()
        model.compile(weighted_metrics=["sparse_categorical_accuracy"])
    require(hasattr(keras.Model(), "_maybe_symbolic_build"), "Model._maybe_symbolic_build")
    require(getattr(model, "_distribute_strategy", None) is strategy, "Model._distribute_strategy")
    require(Model()._distribute_strategy is None, "Model._distribute_strategy")
    require(getattr(model, "_compile_metrics", None) is not None, "Model._compile_metrics")
    assert not model._compile_metrics.built
    model._maybe_symbolic_build(iterator=None)
    require(model._compile_metrics.built, "Model._compile_metrics.build(tags, emissions)")


def test_fit_and_evaluate_build_metrics_with_the_method_that_is_overridden():
    calls = []

    class Model(keras.Sequential):
        def _maybe_symbolic_build(self, iterator=None, data_batch=None):
            calls.append(iterator)

    model = Model([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones([1, 1]), np.ones([1, 1]), verbose=0)
    model.evaluate(np.ones([1, 1]), np.ones([1, 1]), verbose=0)
    require(len(calls) == 2 and all(calls), "Model._maybe_symbolic_build(iterator)")


def test_clipping_goes_through_the_overridden_method():
    class Optimizer(keras_internals.ClipsGradients, keras.optimizers.SGD):
        def clip_gradients(self, grads, clip):
            clipped.append([clip(grads), grads])
            return clipped[-1][0]

    clipped = []
    optimizer, variable = Optimizer(1.0, clipnorm=1.0), keras.Variable([0.0, 0.0])
    optimizer.apply([tf.constant([3.0, 4.0])], [variable])
    require(len(clipped) == 1, "Optimizer._clip_gradients")
    np.testing.assert_allclose(variable.numpy(), [-0.6, -0.8], rtol=1e-6)


def test_strategy_of_an_optimizer():
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        optimizer = keras.optimizers.SGD()
    require(getattr(optimizer, "_distribution_strategy", None) is strategy, "Optimizer._distribution_strategy")
    assert keras_internals.optimizer_strategy(optimizer) is strategy


def test_gradients_of_the_devices_are_summed_by_the_method_that_is_replaced():
    optimizer, variable = adam()
    calls = []
    require(callable(getattr(optimizer, "_all_reduce_sum_gradients", None)), "Optimizer._all_reduce_sum_gradients")
    keras_internals.disable_gradient_sum(optimizer)
    replaced = optimizer._all_reduce_sum_gradients
    optimizer._all_reduce_sum_gradients = lambda pairs: calls.append(pairs) or replaced(pairs)
    optimizer.apply([tf.constant([1.0, 1.0])], [variable])
    require(len(calls) == 1 and len(calls[0][0]) == 2, "Optimizer._all_reduce_sum_gradients(grads_and_vars)")
    np.testing.assert_allclose(variable.numpy(), [0.9, 1.9], rtol=1e-5)


def test_state_of_an_optimizer():
    optimizer, variable = adam()
    for name in ("_var_key", "_get_variable_index", "_trainable_variables", "_variables", "_momentums", "_velocities"):
        require(hasattr(optimizer, name), f"Adam.{name}")
    key = keras_internals.variable_key(optimizer, variable)
    require(key == keras_internals.variable_key(optimizer, variable.value), "Optimizer._var_key")
    require(keras_internals.keras_variable(optimizer, variable.value) is variable, "Optimizer._get_variable_index")
    require(keras_internals.trained_variables(optimizer)[0] is variable, "Optimizer._trainable_variables")
    require(keras_internals.state_variables(optimizer) == optimizer.variables, "Optimizer._variables")
    optimizer.apply([tf.constant([1.0, 1.0])], [variable])
    momentum, velocity = keras_internals.moments(optimizer, variable.value)
    np.testing.assert_allclose(momentum, [0.1, 0.1], rtol=1e-5)
    np.testing.assert_allclose(velocity, [0.001, 0.001], rtol=1e-5)


def test_accumulation_of_gradients():
    optimizer, variable = adam(gradient_accumulation_steps=3)
    for name in ("_accumulated_gradients", "_backend_increment_gradient_accumulators"):
        require(hasattr(optimizer, name), f"Optimizer.{name}")
    for _ in range(2):
        keras_internals.accumulate_gradients(optimizer, [tf.constant([1.0, 2.0])], [variable])
    np.testing.assert_allclose(optimizer._accumulated_gradients[0], [2.0, 4.0])
    np.testing.assert_allclose(variable.numpy(), [1.0, 2.0])
    counter = keras_internals.batch_counter(optimizer)
    require(int(counter) == 0, "Optimizer._iterations")
    optimizer.apply([tf.constant([0.0, 0.0])], [variable])
    require((int(counter), int(optimizer.iterations)) == (1, 0), "Optimizer._iterations")


def test_keras_tracks_neither_untracked_values_nor_untracked_properties():
    class Model(keras_internals.UntrackedProperties, keras.Model):
        untracked = frozenset({"other"})

        def __init__(self):
            super().__init__()
            self.received = keras_internals.Untracked(None)

        @property
        def other(self):
            return str(self.received.value)

        @other.setter
        def other(self, value):
            self.received = keras_internals.Untracked(value)

    model, layers = Model(), [keras.layers.Dense(1)]
    model.other = layers
    assert model.received.value is layers
    require(model.layers == [], "Layer.__setattr__, which tracked a list in a holder")
    model.tracked = layers[0]
    assert model.layers == layers


def test_averages_and_exclusions_of_an_optimizer():
    optimizer = keras.optimizers.AdamW(0.1, use_ema=True)
    variables = [keras.Variable([1.0, 2.0], name=name) for name in ("kernel", "bias")]
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    copied = keras.optimizers.AdamW(0.1, use_ema=True)
    keras_internals.copy_attributes(optimizer, copied)
    for own in (optimizer, copied):
        require(len(own.variables) == 2, "Optimizer._variables is not copied")
        decays = [keras_internals.weight_decays(own, variable) for variable in variables]
        require(decays == [True, False], "Optimizer._use_weight_decay, _exclude_from_weight_decay_pattern")
    optimizer.build(variables)
    require(len(keras_internals.own_averages(optimizer)) == 2, "Optimizer._model_variables_moving_average")
    require(not copied.built, "Optimizer.built is not copied")


def test_functions_that_xla_compiles_are_known_while_they_are_traced():
    answers = []

    def ask(x):
        answers.append(keras_internals.is_traced_for_xla())
        return x + 1

    def ask_in_loop(x):
        return tf.while_loop(lambda y: y < 2, lambda y: [ask(y)], [x])

    for function in (ask, ask_in_loop):
        for compiled in (True, False):
            tf.function(function, jit_compile=compiled, autograph=False)(tf.constant(1))
    ask(1)
    require(answers == [True, False, True, False, False], "control_flow_util.GraphOrParentsInXlaContext of TensorFlow")
