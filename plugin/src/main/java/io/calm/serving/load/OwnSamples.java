package io.calm.serving.load;

import io.calm.calibration.CalibrationSet;
import io.calm.calibration.SelfSampler;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Tokenizer;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.quant.rtn.RtnQuantizer;
import io.calm.runtime.Decoder;
import io.calm.runtime.JavaDecoder;
import io.calm.search.SearchProgress;
import io.calm.serving.settings.CalmSettings;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** Calibration from the model's own samples, written by its {@code rtn} W4A8 form. */
final class OwnSamples {
  /** Tokens between two reports. */
  private static final int REPORT_EVERY = 16;

  private final Checkpoint checkpoint;
  private final CalmSettings settings;
  private final int group;
  private final Tables tables;
  private final Parallel parallel;
  private final Consumer<SearchProgress> progress;

  OwnSamples(
      Checkpoint checkpoint,
      CalmSettings settings,
      int group,
      Tables tables,
      Parallel parallel,
      Consumer<SearchProgress> progress) {
    this.checkpoint = checkpoint;
    this.settings = settings;
    this.group = group;
    this.tables = tables;
    this.parallel = parallel;
    this.progress = progress;
  }

  CalibrationSet write(int samples, int length) {
    long start = System.nanoTime();
    progress.accept(SearchProgress.phase("sampling", 0));
    Tokenizer tokenizer = checkpoint.tokenizer();
    OptionalInt bos = checkpoint.generationDefaults().bos();
    int[] added = tokenizer.encode("", true);
    boolean alwaysBos = bos.isPresent() && added.length > 0 && added[0] == bos.getAsInt();
    try (Decoder decoder = new JavaDecoder(rtn(), settings.threadCount())) {
      SelfSampler sampler =
          new SelfSampler(decoder, bos, alwaysBos, firstTokens(tokenizer), parallel);
      return sampler.sample(
          samples,
          length,
          settings.calibrationSeed(),
          written -> report(written, length, (System.nanoTime() - start) / 1e9));
    }
  }

  private void report(int written, int length, double seconds) {
    if (written % REPORT_EVERY != 0) {
      return;
    }
    progress.accept(
        new SearchProgress(
            "sampling",
            written,
            length,
            "rtn",
            0,
            1,
            Double.NaN,
            seconds,
            seconds / written * (length - written),
            0));
  }

  private QuantizedModel rtn() {
    ModelSpec spec = checkpoint.spec();
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
    for (int layer = 0; layer < spec.layers(); layer++) {
      BlockParameters<Matrix> block = checkpoint.block(layer);
      blocks.add(RtnQuantizer.quantize(block, group, parallel));
      block.linears().values().forEach(Matrix::close);
    }
    return new QuantizedModel(
        spec,
        blocks,
        tables.embeddings(),
        tables.head(),
        checkpoint.finalNorm(),
        settings.activation());
  }

  private int[] firstTokens(Tokenizer tokenizer) {
    int count = Math.min(tokenizer.size(), checkpoint.spec().vocabulary());
    return IntStream.range(0, count).filter(id -> !tokenizer.isSpecial(id)).toArray();
  }
}
