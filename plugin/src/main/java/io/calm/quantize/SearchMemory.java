package io.calm.quantize;

import io.calm.artifact.ArtifactLayout;
import io.calm.calibration.CalibrationSet;
import io.calm.calibration.SelfSampler;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.quant.Granularity;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.quant.Rounding;
import io.calm.runtime.Decoder;
import io.calm.runtime.KvType;
import io.calm.search.PartMemory;
import io.calm.settings.CalibrationSettings;
import io.calm.settings.CalmSettings;
import io.calm.settings.PlanSettings;
import io.calm.settings.QuantizationSettings;
import io.calm.settings.SearchEffort;
import io.calm.torch.Backends;
import java.util.Arrays;
import java.util.List;

/**
 * The memory of a search outside the Java heap, estimated from the sizes of the model before any of
 * it is allocated. The estimate is an upper bound within a factor of two.
 *
 * <p>The search holds a full-precision block, its largest stage in the forms that a rounding works
 * on, the packed candidates, the hidden streams, the inputs of one stage (twice if an algorithm
 * compares with full precision), what glibc keeps of such arrays when they are freed, two or three
 * matrices of the size of the widest linear's Hessian, what a search by parts adds ({@link
 * PartMemory}), the token tables, and PyTorch itself. The trial of the lm_head comes after the
 * blocks and holds the streams and a band of the head. A model that samples its own calibration
 * tokens needs, before that, its whole quantized form and the keys and values of the sampled
 * sequences.
 */
public final class SearchMemory {
  /** Changes of the settings or the deployment that reduce the memory of any search. */
  private static final String REMEDY =
      "lower calm.calibration.samples, name fewer algorithms in calm.pool, run ./calm quantize on"
          + " another machine and bring its calm.cache-dir";

  /** PyTorch's libraries and its own buffers. */
  private static final long ENGINE_BYTES = 400L << 20;

  /** The Hessian, and the factor of its inverse. */
  private static final long HESSIANS = 2;

  /** The same, and the unscaled Hessian, kept while fold scales are compared with GPTQ's codes. */
  private static final long SCALED_HESSIANS = 3;

  /** Stacked, transposed; corrected by an algorithm that compares, and half of it on a GPU. */
  private static final long STAGE_FORMS = 2;

  private static final long COMPARED_FORMS = 4;

  /** Packed linears that wait for a garbage collection. */
  private static final long GARBAGE = 128L << 20;

  /** Rows of the lm_head that are read at once, and the float32 matrices of that size. */
  private static final long BAND = 8192;

  private static final long BAND_FORMS = 6;

  /** Tokens whose stage outputs are in memory at the same time. */
  private static final long CHUNK = 2048;

  private static final String MAP_THRESHOLD = "MALLOC_MMAP_THRESHOLD_";

  private SearchMemory() {}

  /** Returns the estimate in bytes. */
  public static long bytes(ModelSpec spec, ArtifactLayout layout, CalmSettings settings) {
    CalibrationSettings calibration = settings.quantization().calibration();
    int length = Math.min(calibration.length(), spec.maxContext());
    long sampling =
        calibration.file().isPresent()
            ? 0
            : layout.blocksBytes(spec) + samplesBytes(spec, settings, length);
    return layout.tablesBytes(spec) + Math.max(blockSearchBytes(spec, settings, length), sampling);
  }

  /** Returns changes of the settings or the deployment that reduce the memory of the search. */
  public static String remedy(ModelSpec spec, ArtifactLayout layout, CalmSettings settings) {
    boolean faster =
        bytes(spec, layout, withLowestEffort(settings)) < bytes(spec, layout, settings);
    return (faster ? "set calm.search.effort=fast, " : "") + REMEDY;
  }

  private static CalmSettings withLowestEffort(CalmSettings settings) {
    QuantizationSettings quantization = settings.quantization();
    CalibrationSettings calibration = quantization.calibration();
    return new CalmSettings(
        new QuantizationSettings(
            quantization.group(),
            quantization.activation(),
            quantization.lmHead(),
            quantization.plan(),
            new CalibrationSettings(
                calibration.file(),
                SearchEffort.FAST,
                calibration.givenSamples(),
                calibration.givenLength(),
                calibration.seed())),
        settings.decoder(),
        settings.generation(),
        settings.timeouts(),
        settings.loading(),
        settings.compare());
  }

  /**
   * Returns the estimate of a plan from weights alone, which holds the token tables and one block
   * in float32, as codes, and packed.
   */
  public static long weightsAloneBytes(ModelSpec spec, ArtifactLayout layout) {
    return layout.tablesBytes(spec) + 6 * blockWeights(spec);
  }

  private static long blockWeights(ModelSpec spec) {
    return Arrays.stream(LinearRole.values())
        .mapToLong(role -> (long) spec.outputs(role) * spec.inputs(role))
        .sum();
  }

  private static long blockSearchBytes(ModelSpec spec, CalmSettings settings, long length) {
    PlanSettings plan = settings.quantization().plan();
    List<Quantizer> pool = pool(settings.quantization());
    long block = 4 * blockWeights(spec);
    long tokens = CalibrationSet.total(settings.quantization().calibration().samples()) * length;
    long widest =
        Arrays.stream(Stage.values()).mapToLong(stage -> spec.inputs(stage)).max().orElse(0);
    long fit = settings.quantization().calibration().samples() * length;
    boolean compares = pool.stream().anyMatch(Quantizer::comparesStreams);
    Granularity granularity = plan.granularityAmong(pool.size());
    long candidates = granularity == Granularity.BLOCK ? pool.size() : 1;
    // Both streams while they advance, their copies where the mix leaves a uniform plan, and the
    // outputs of the candidates on the score part.
    long copies = compares ? 4 : 3;
    long streams = 4L * spec.hidden() * (copies * tokens + candidates * (tokens - fit));
    long inputs = 4L * (compares ? 2 : 1) * fit * (spec.hidden() + widest);
    long stage = (compares ? COMPARED_FORMS : STAGE_FORMS) * 4 * largestStage(spec);
    PartMemory.Tokens counts = new PartMemory.Tokens(fit, (tokens - fit) / 2);
    PartMemory parts = PartMemory.of(spec, granularity, plan.metric(), compares, counts);
    long blocks =
        block
            + stage
            + candidates * block / 7 // a packed linear has 4.5 bits and the padding
            + inputs
            + 4 * Math.min(CHUNK, fit) * (compares ? 4 : 3) * widest
            + (comparesScales(pool) ? SCALED_HESSIANS : HESSIANS) * 4 * widest * widest
            + parts.passes()
            + parts.matrices()
            + GARBAGE;
    long head = BAND_FORMS * 4 * BAND * (spec.hidden() + length);
    return streams
        + arenas(streams + inputs + parts.passes())
        + Math.max(blocks, head)
        + ENGINE_BYTES;
  }

  /**
   * Returns the freed memory that glibc keeps in its arenas beside {@code bytes} of arrays of a few
   * MiB. It keeps none if the environment sets the size from which arrays are mapped; what {@link
   * SearchHeap} keeps of a small search is within the bound.
   */
  private static long arenas(long bytes) {
    return System.getenv(MAP_THRESHOLD) == null ? bytes : 0;
  }

  /** Returns the number of weights of the linears that read one input. */
  private static long largestStage(ModelSpec spec) {
    return Arrays.stream(Stage.values())
        .mapToLong(
            stage ->
                stage.linears().stream()
                    .mapToLong(role -> (long) spec.outputs(role) * spec.inputs(role))
                    .sum())
        .max()
        .orElse(0);
  }

  /** Returns whether a fold is followed by error feedback, as in {@code awq+gptq}. */
  private static boolean comparesScales(List<Quantizer> pool) {
    return pool.stream()
        .filter(quantizer -> quantizer.fold().isPresent())
        .anyMatch(
            quantizer -> quantizer.rounding().flatMap(Rounding::roundingForFolds).isPresent());
  }

  private static List<Quantizer> pool(QuantizationSettings settings) {
    PlanSettings plan = settings.plan();
    Quantizers quantizers = Quantizers.load();
    if (plan.algorithm().isPresent()) {
      return List.of(quantizers.get(plan.algorithm().get()));
    }
    return plan.pool().isEmpty()
        ? AlgorithmPool.defaultPool(quantizers, settings)
        : plan.pool().stream().map(quantizers::get).toList();
  }

  /** Returns the size of the float16 keys and values of the sequences that are sampled together. */
  private static long samplesBytes(ModelSpec spec, CalmSettings settings, int length) {
    int sequences = CalibrationSet.total(settings.quantization().calibration().samples());
    int blocks = Math.min(SelfSampler.blocks(length), sequences * Decoder.blocksFor(length));
    return blocks * Backends.blockBytes(spec, settings.decoder().forDecoder(KvType.FLOAT16));
  }
}
