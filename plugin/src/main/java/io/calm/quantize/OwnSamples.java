package io.calm.quantize;

import io.calm.artifact.ArtifactKey;
import io.calm.calibration.CalibrationSet;
import io.calm.calibration.KeptSamples;
import io.calm.calibration.SelfSampler;
import io.calm.calibration.TextOpenings;
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
import io.calm.search.PackedGarbage;
import io.calm.search.Progress;
import io.calm.settings.CalmSettings;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import io.calm.torch.Backends;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Calibration with sequences that the model's own {@code rtn} W4A8 form samples. The sequences are
 * stored, so that all plans of a model and its calibration settings use the same tokens.
 */
final class OwnSamples {
  /** Raised whenever the same model and settings give other samples than before. */
  private static final int RECIPE = 8;

  /** The quantizer of the model that samples. */
  private static final String RTN = "rtn";

  /** Number of tokens between two reports. */
  private static final int REPORT_EVERY = 1024;

  private final Checkpoint checkpoint;
  private final List<String> modelDigests;
  private final CalmSettings settings;
  private final int group;
  private final ModelTables tables;
  private final Compute compute;
  private final Consumer<Progress> progress;

  OwnSamples(
      Checkpoint checkpoint,
      List<String> modelDigests,
      CalmSettings settings,
      int group,
      ModelTables tables,
      Compute compute,
      Consumer<Progress> progress) {
    this.checkpoint = checkpoint;
    this.modelDigests = List.copyOf(modelDigests);
    this.settings = settings;
    this.group = group;
    this.tables = tables;
    this.compute = compute;
    this.progress = progress;
  }

  /**
   * Returns the samples of this model and these settings. Samples and stores them if there are
   * none.
   */
  CalibrationSet get(int samples, int length) {
    KeptSamples kept = new KeptSamples(settings.loading().cacheDir());
    String key = key(samples, length);
    return kept.find(key)
        .orElseGet(
            () -> {
              PackedGarbage garbage = new PackedGarbage();
              CalibrationSet written = write(samples, length);
              garbage.collect(); // the search begins without the model that has sampled
              kept.keep(key, written);
              return written;
            });
  }

  /**
   * Returns the digest of everything that the samples depend on. Threads and algorithms are not
   * part of it.
   */
  private String key(int samples, int length) {
    String all =
        "own-samples recipe=%d samples=%d length=%d seed=%d group=%d activation=%s lm-head=%s"
            .formatted(
                RECIPE,
                samples,
                length,
                settings.quantization().calibration().seed(),
                group,
                settings.quantization().activation().setting(),
                tables.head().format().setting());
    return new ArtifactKey(modelDigests, all, "").id();
  }

  private CalibrationSet write(int samples, int length) {
    long start = System.nanoTime();
    int tokens = SelfSampler.tokens(samples, length);
    progress.accept(new Progress.Sampling(0, tokens, RTN, Double.NaN));
    Tokenizer tokenizer = checkpoint.tokenizer();
    checkpoint.requireUnchanged(); // the tokenizer reads its files by name
    OptionalInt bos = checkpoint.generationDefaults().bos();
    int[] added = tokenizer.encode("", true);
    boolean alwaysBos = bos.isPresent() && added.length > 0 && added[0] == bos.getAsInt();
    try (Decoder decoder = Backends.open(rtn(), decoder(), SelfSampler.blocks(length))) {
      SelfSampler sampler =
          new SelfSampler(
              decoder,
              bos,
              alwaysBos,
              plainTokens(tokenizer),
              openings(tokenizer),
              compute.parallel());
      return sampler.sample(
          samples, length, settings.quantization().calibration().seed(), reports(tokens, start));
    }
  }

  /**
   * Returns a decoder with float16 keys and values, because the key of the samples does not include
   * their format.
   */
  private Decoders.Settings decoder() {
    return settings.decoder().forDecoder(KvType.FLOAT16);
  }

  /** Returns what reports every {@value #REPORT_EVERY}th token. */
  private IntConsumer reports(int tokens, long start) {
    AtomicInteger reported = new AtomicInteger();
    return written -> {
      if (written - reported.get() < REPORT_EVERY) {
        return;
      }
      reported.set(written);
      double seconds = (System.nanoTime() - start) / 1e9;
      double left = seconds / written * (tokens - written);
      progress.accept(new Progress.Sampling(written, tokens, RTN, left));
    };
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
        head(),
        checkpoint.finalNorm(),
        settings.quantization().activation());
  }

  /**
   * Returns the lm_head with activations in the groups of the blocks. That of the served head would
   * sample other tokens, and so change every plan, without being better for a calibration.
   */
  private TokenTable head() {
    return tables.head() instanceof TokenTable.Int8Table int8
        ? int8.withGroup(QuantizedLinear.groupFor(int8.width(), group))
        : tables.head();
  }

  /**
   * Returns the openings that the model can read: a tokenizer may have tokens without a row, and
   * may write a language that it does not know with a special token.
   */
  private List<int[]> openings(Tokenizer tokenizer) {
    int vocabulary = checkpoint.spec().vocabulary();
    return TextOpenings.all().stream()
        .map(opening -> tokenizer.encode(opening, false))
        .filter(ids -> ids.length > 0)
        .filter(
            ids -> Arrays.stream(ids).allMatch(id -> id < vocabulary && !tokenizer.isSpecial(id)))
        .toList();
  }

  private int[] plainTokens(Tokenizer tokenizer) {
    int count = Math.min(tokenizer.size(), checkpoint.spec().vocabulary());
    return IntStream.range(0, count).filter(id -> !tokenizer.isSpecial(id)).toArray();
  }
}
