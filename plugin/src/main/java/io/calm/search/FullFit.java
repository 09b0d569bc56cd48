package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;
import java.util.Optional;
import java.util.function.Function;

/**
 * The fit part of a full-precision stream at one block, for quantizers that compare streams. While
 * such a quantizer runs, a full-precision forward of the block proceeds beside it, stage by stage.
 * The output of the first such forward advances the stream.
 */
final class FullFit implements AutoCloseable {
  private final SearchContext context;
  private final int layer;
  private final BlockParameters<Matrix> block;
  private final Streams full;
  private Optional<HiddenStates> output = Optional.empty();

  /**
   * Creates the view of a block.
   *
   * @param full has the fit part if a quantizer compares streams
   */
  FullFit(SearchContext context, int layer, BlockParameters<Matrix> block, Streams full) {
    this.context = context;
    this.layer = layer;
    this.block = block;
    this.full = full;
  }

  /** Quantizes the block on the hidden states {@code fit} of the quantized prefix. */
  Quantizer.Result quantize(Quantizer quantizer, HiddenStates fit) {
    return beside(
        quantizer.comparesStreams(),
        stages -> context.quantize(quantizer, layer, block, fit, stages));
  }

  /**
   * Calls {@code work} with a full-precision forward of the block at its first stage.
   *
   * @param compares whether the work needs it; otherwise there is none
   */
  <T> T beside(boolean compares, Function<Optional<StageInputs>, T> work) {
    if (!compares) {
      return work.apply(Optional.empty());
    }
    try (StageInputs stages = context.stageInputs(layer, block, full.get(Part.FIT))) {
      try {
        T result = work.apply(Optional.of(stages));
        keepOutput(stages);
        return result;
      } catch (QuantizationException e) {
        keepOutput(stages); // the stream advances without this quantizer
        throw e;
      }
    }
  }

  private void keepOutput(StageInputs stages) {
    if (output.isEmpty()) {
      output = Optional.of(stages.takeOutput());
    }
  }

  /** Advances the fit part past the block, if the stream has it. */
  void advance() {
    if (!full.has(Part.FIT)) {
      return;
    }
    if (output.isEmpty()) {
      full.advance(Part.FIT, states -> context.countedForward(layer, block, states));
      return;
    }
    HiddenStates known = output.get();
    output = Optional.empty();
    full.advance(Part.FIT, states -> known);
  }

  @Override
  public void close() {
    output.ifPresent(HiddenStates::close);
    output = Optional.empty();
  }
}
