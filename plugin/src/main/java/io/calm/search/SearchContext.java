package io.calm.search;

import io.calm.kernels.NativeHeap;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.WeightSource;
import io.calm.quant.Compute;
import io.calm.quant.Quantizer;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceModel;
import io.calm.replay.StageInputs;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedLinear;
import java.util.Optional;

/**
 * The inputs of a search with the two operations on a block that its parts share: to quantize it
 * and to run it. Counts the forwards that collect the inputs of quantizers. Not thread safe.
 */
final class SearchContext {
  private final SearchInputs inputs;
  private final ReferenceModel model;
  private int collectionForwards;

  /** The layer before whose candidates the C heap was trimmed last. */
  private int trimmed = -1;

  SearchContext(SearchInputs inputs) {
    this.inputs = inputs;
    this.model = new ReferenceModel(inputs.torch(), inputs.weights());
  }

  SearchInputs inputs() {
    return inputs;
  }

  ModelSpec spec() {
    return weights().spec();
  }

  SearchSettings settings() {
    return inputs.settings();
  }

  ReferenceModel model() {
    return model;
  }

  WeightSource weights() {
    return inputs.weights();
  }

  LinearAlgebra algebra() {
    return inputs.torch();
  }

  Compute compute() {
    return inputs.compute();
  }

  int threads() {
    return compute().parallel().threads();
  }

  int collectionForwards() {
    return collectionForwards;
  }

  BlockParameters<Matrix> block(int layer) {
    return weights().block(layer);
  }

  /**
   * Trims the C heap before a candidate, or before the first one of a block if freed arrays are
   * kept for the next. Between candidates, matrices of very different sizes come and go, and the
   * heap keeps the gaps: without trimming it, the resident memory of a long search doubles within a
   * few blocks.
   */
  void trimHeap(int layer) {
    if (layer != trimmed || !NativeHeap.keepsFreedArrays()) {
      NativeHeap.trim();
      trimmed = layer;
    }
  }

  /**
   * Quantizes a block.
   *
   * @param fit hidden states of the quantized prefix
   * @param full the block in full precision on the same tokens; required by quantizers that compare
   *     streams
   */
  Quantizer.Result quantize(
      Quantizer quantizer,
      int layer,
      BlockParameters<Matrix> block,
      HiddenStates fit,
      Optional<StageInputs> full) {
    trimHeap(layer);
    ReplayedBlock sample = new ReplayedBlock(inputs, layer, block, fit, full);
    try {
      return quantizer.quantize(sample);
    } finally {
      collectionForwards += sample.partialForwards();
    }
  }

  /** Returns the block and its replay on {@code fit}, for the stages of several quantizers. */
  ReplayedBlock sample(int layer, BlockParameters<Matrix> block, HiddenStates fit) {
    return new ReplayedBlock(inputs, layer, block, fit, Optional.empty());
  }

  /** Counts partial forwards that collected the inputs of quantizers. */
  void countCollections(int forwards) {
    collectionForwards += forwards;
  }

  /** Returns the inputs of the block's stages in full precision; counted as a collection. */
  StageInputs stageInputs(int layer, BlockParameters<Matrix> block, HiddenStates states) {
    collectionForwards++;
    return StageInputs.of(states, spec(), layer, block);
  }

  /** Runs the block in full precision; counted as a collection. */
  HiddenStates countedForward(int layer, BlockParameters<Matrix> block, HiddenStates states) {
    collectionForwards++;
    return fullForward(layer, block).run(states);
  }

  /** Returns the W4A8 block as a function of hidden states. */
  Streams.Block forward(int layer, BlockParameters<QuantizedLinear> block) {
    return states -> model.moduleBlock(layer, states, block, settings().rounding());
  }

  /** Returns the full-precision block as a function of hidden states. */
  Streams.Block fullForward(int layer, BlockParameters<Matrix> block) {
    return states -> model.block(layer, states, block);
  }
}
