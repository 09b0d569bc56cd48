package io.calm.quantize;

import io.calm.artifact.ArtifactKey;
import io.calm.calibration.CalibrationSet;
import io.calm.calibration.KeptSamples;
import io.calm.calibration.SelfSampler;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Tokenizer;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.quant.Compute;
import io.calm.quant.rtn.RtnQuantizer;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.runtime.KvType;
import io.calm.search.SearchProgress;
import io.calm.settings.CalmSettings;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedLinear;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Calibration from the model's own samples, written by its {@code rtn} W4A8 form once and kept: two
 * plans of one model that differ in their algorithms are calibrated on the same tokens.
 */
final class OwnSamples {
  /** Changes whenever the same model and settings write other samples than before. */
  private static final int RECIPE = 3;

  /** Tokens between two reports. */
  private static final int REPORT_EVERY = 16;

  private final Checkpoint checkpoint;
  private final List<String> modelDigests;
  private final CalmSettings settings;
  private final int group;
  private final Tables tables;
  private final Compute compute;
  private final Consumer<SearchProgress> progress;

  OwnSamples(
      Checkpoint checkpoint,
      List<String> modelDigests,
      CalmSettings settings,
      int group,
      Tables tables,
      Compute compute,
      Consumer<SearchProgress> progress) {
    this.checkpoint = checkpoint;
    this.modelDigests = List.copyOf(modelDigests);
    this.settings = settings;
    this.group = group;
    this.tables = tables;
    this.compute = compute;
    this.progress = progress;
  }

  /** Returns the samples of this model and these settings, writing them where none are kept. */
  CalibrationSet get(int samples, int length) {
    KeptSamples kept = new KeptSamples(settings.cacheDir());
    String key = key(samples, length);
    return kept.find(key)
        .orElseGet(
            () -> {
              CalibrationSet written = write(samples, length);
              kept.keep(key, written);
              return written;
            });
  }

  /** Returns the name of all that the samples depend on; threads and algorithms are not of it. */
  private String key(int samples, int length) {
    String all =
        "own-samples recipe=%d samples=%d length=%d seed=%d group=%d activation=%s lm-head=%s"
            .formatted(
                RECIPE,
                samples,
                length,
                settings.calibrationSeed(),
                group,
                settings.activation().setting(),
                tables.head().format());
    return new ArtifactKey(modelDigests, all, "").id();
  }

  private CalibrationSet write(int samples, int length) {
    long start = System.nanoTime();
    progress.accept(SearchProgress.phase("sampling", 0));
    Tokenizer tokenizer = checkpoint.tokenizer();
    OptionalInt bos = checkpoint.generationDefaults().bos();
    int[] added = tokenizer.encode("", true);
    boolean alwaysBos = bos.isPresent() && added.length > 0 && added[0] == bos.getAsInt();
    try (Decoder decoder = Decoders.open(rtn(), decoder(), SelfSampler.blocks(length))) {
      SelfSampler sampler =
          new SelfSampler(decoder, bos, alwaysBos, firstTokens(tokenizer), compute.parallel());
      return sampler.sample(
          samples,
          length,
          settings.calibrationSeed(),
          written -> report(written, length, (System.nanoTime() - start) / 1e9));
    }
  }

  /** Float16 whatever is served, for the samples' key does not know how keys are stored. */
  private Decoders.Settings decoder() {
    return new Decoders.Settings(settings.kernel(), KvType.FLOAT16, settings.threadCount());
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
      blocks.add(RtnQuantizer.quantize(block, group, compute));
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
