package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.tensor.Matrix;

/** One algorithm on every block, each on the stream that its own quantized prefix gives. */
final class UniformPass {
  private final Workbench bench;
  private final ProgressMeter progress;
  private final String phase;

  UniformPass(Workbench bench, ProgressMeter progress, String phase) {
    this.bench = bench;
    this.progress = progress;
    this.phase = phase;
  }

  /**
   * Quantizes the model from a block on.
   *
   * @param first the block; the stream is that before it
   * @param stream the fit part, and the guard's where that is read afterwards; advanced to the last
   *     block's output
   * @param full the full-precision stream, advanced likewise in the parts that it has
   * @return block forwards made
   * @throws SearchException if the algorithm fails on a block
   */
  int run(Quantizer quantizer, int first, Streams stream, Streams full, BlockSink sink) {
    int forwards = 0;
    for (int layer = first; layer < bench.spec().layers(); layer++) {
      progress.pass(phase, layer, quantizer.name());
      BlockParameters<Matrix> block = bench.block(layer);
      Quantizer.Result result;
      try {
        result = bench.quantize(quantizer, layer, block, stream.get(Streams.Part.FIT));
        forwards += full.advance(Streams.Part.GUARD, bench.fullForward(layer, block));
      } catch (QuantizationException e) {
        throw new SearchException(
            "%s cannot quantize block %d: %s".formatted(quantizer.name(), layer, e.getMessage()));
      } finally {
        Modules.close(block);
      }
      Streams.Block forward = bench.forward(layer, result.block());
      forwards += stream.advance(Streams.Part.FIT, forward);
      forwards += stream.advance(Streams.Part.GUARD, forward);
      sink.block(QuantPlan.uniform(quantizer.name()), layer, result.block());
    }
    return forwards;
  }
}
