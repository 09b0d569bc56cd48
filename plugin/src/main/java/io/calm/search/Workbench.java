package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.WeightSource;
import io.calm.quant.Compute;
import io.calm.quant.Quantizer;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceModel;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * What every part of a search works with: the weights, the engine, the settings; and the two
 * operations on a block that they share. Counts the forwards that collect quantizers' inputs.
 */
final class Workbench {
  private final TorchRuntime torch;
  private final WeightSource weights;
  private final IntFunction<Map<LinearRole, QuantizedMatrix>> sourceCodes;
  private final SearchSettings settings;
  private final Compute compute;
  private final ReferenceModel model;
  private int collectionForwards;

  Workbench(
      TorchRuntime torch,
      WeightSource weights,
      IntFunction<Map<LinearRole, QuantizedMatrix>> sourceCodes,
      SearchSettings settings,
      Compute compute) {
    this.torch = torch;
    this.weights = weights;
    this.sourceCodes = sourceCodes;
    this.settings = settings;
    this.compute = compute;
    this.model = new ReferenceModel(torch, weights);
  }

  ModelSpec spec() {
    return weights.spec();
  }

  SearchSettings settings() {
    return settings;
  }

  ReferenceModel model() {
    return model;
  }

  WeightSource weights() {
    return weights;
  }

  LinearAlgebra algebra() {
    return torch;
  }

  Compute compute() {
    return compute;
  }

  int threads() {
    return compute.parallel().threads();
  }

  int collectionForwards() {
    return collectionForwards;
  }

  BlockParameters<Matrix> block(int layer) {
    return weights.block(layer);
  }

  /** Quantizes a block on the hidden states {@code fit} that the prefix gives. */
  Quantizer.Result quantize(
      Quantizer quantizer, int layer, BlockParameters<Matrix> block, HiddenStates fit) {
    ReplayedBlock sample =
        new ReplayedBlock(
            spec(), layer, block, sourceCodes.apply(layer), fit, settings, torch, compute);
    try {
      return quantizer.quantize(sample);
    } finally {
      collectionForwards += sample.partialForwards();
    }
  }

  /** Returns the W4A8 block as a function of hidden states. */
  Streams.Block forward(int layer, BlockParameters<QuantizedLinear> block) {
    return states -> model.moduleBlock(layer, states, block, settings.rounding());
  }

  /** Returns the full-precision block as a function of hidden states. */
  Streams.Block fullForward(int layer, BlockParameters<Matrix> block) {
    return states -> model.block(layer, states, block);
  }
}
