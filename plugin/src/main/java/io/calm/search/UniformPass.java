package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.tensor.Matrix;

/**
 * Quantizes every block with one algorithm, each on the hidden states of its own quantized prefix.
 */
final class UniformPass {
  private final SearchContext context;
  private final Report report;

  /**
   * Creates a pass.
   *
   * @param report called before each block
   */
  UniformPass(SearchContext context, Report report) {
    this.context = context;
    this.report = report;
  }

  /** Reports the block that is quantized next. */
  @FunctionalInterface
  interface Report {
    void block(int layer, String algorithm);
  }

  /**
   * Quantizes the model from a block on.
   *
   * @param first index of the first block; {@code stream} has the states before it
   * @param stream the fit part, and the guard's part if it is read afterwards; advanced to the
   *     output of the last block
   * @param full full-precision states, advanced likewise in the parts that they have
   * @return number of block forwards
   * @throws SearchException if the algorithm fails on a block
   */
  int run(Quantizer quantizer, int first, Streams stream, Streams full, BlockSink sink) {
    int forwards = 0;
    PackedGarbage garbage = new PackedGarbage();
    for (int layer = first; layer < context.spec().layers(); layer++) {
      report.block(layer, quantizer.name());
      BlockParameters<Matrix> block = context.block(layer);
      Quantizer.Result result;
      try (FullFit fit = new FullFit(context, layer, block, full)) {
        result = fit.quantize(quantizer, stream.get(Streams.Part.FIT));
        fit.advance();
        forwards += full.advance(Streams.Part.GUARD, context.fullForward(layer, block));
      } catch (QuantizationException e) {
        throw new SearchException(
            "%s cannot quantize block %d: %s".formatted(quantizer.name(), layer, e.getMessage()));
      } finally {
        BlockParameters.close(block);
      }
      Streams.Block forward = context.forward(layer, result.block());
      forwards += stream.advance(Streams.Part.FIT, forward);
      forwards += stream.advance(Streams.Part.GUARD, forward);
      sink.block(QuantPlan.uniform(quantizer.name()), layer, result.block());
      garbage.collect();
    }
    return forwards;
  }
}
