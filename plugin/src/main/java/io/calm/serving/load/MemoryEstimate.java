package io.calm.serving.load;

import io.calm.calibration.CalibrationSet;
import io.calm.calibration.SelfSampler;
import io.calm.generate.SchedulerSettings;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.Stage;
import io.calm.quantize.NotEnoughMemoryException;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.runtime.KvType;
import io.calm.runtime.StepSize;
import io.calm.settings.CalmSettings;
import io.calm.settings.CalmSettings.HeadFormat;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What a model takes of the machine's memory outside the Java heap, part by part, told from its
 * sizes before any of it is taken. A search and serving come one after the other, so the larger of
 * the two counts.
 *
 * <p>Weights and tables are mapped files: they count in full, for a model whose weights do not stay
 * in memory reads them from the disk at every token. A search's part is an upper bound within a
 * factor of two; all others are exact to a page.
 *
 * @param parts of the larger of the two phases, in bytes
 */
public record MemoryEstimate(List<Part> parts) {
  private static final long MIB = 1 << 20;

  /** PyTorch's libraries and its own buffers. */
  private static final long ENGINE_BYTES = 400 * MIB;

  private static final int DEFAULT_GROUP = 128;

  private static final int DEFAULT_POOL = 4;

  /**
   * Something that takes memory.
   *
   * @param remedy what makes it smaller, as a demand
   */
  public record Part(String name, long bytes, String remedy) {}

  public MemoryEstimate {
    parts = List.copyOf(parts);
  }

  /**
   * Estimates a model.
   *
   * @param budgets of its scheduler
   * @param quantized whether its artifact exists, so that nothing is searched
   */
  public static MemoryEstimate of(
      ModelSpec spec, CalmSettings settings, SchedulerSettings budgets, boolean quantized) {
    int group = settings.group().orElse(DEFAULT_GROUP);
    List<Part> parts = new ArrayList<>(mapped(spec, settings.lmHead(), group));
    List<Part> serving =
        List.of(
            new Part(
                "keys and values",
                budgets.blocks() * Decoders.blockBytes(spec, settings.decoder()),
                "lower calm.kv-budget-mb"),
            new Part("step buffers", stepBytes(spec, budgets), "lower calm.max-running"));
    List<Part> search = quantized ? List.of() : List.of(search(spec, settings, group));
    parts.addAll(sum(search) > sum(serving) ? search : serving);
    return new MemoryEstimate(parts);
  }

  /** Returns what is mapped from the artifact. */
  private static List<Part> mapped(ModelSpec spec, HeadFormat head, int group) {
    return List.of(
        new Part("weights", weightBytes(spec, group), "use a smaller model"),
        new Part(
            "embeddings and lm_head",
            tablesBytes(spec, head, group),
            "set calm.lm-head=int8 or int4"));
  }

  private static long weightBytes(ModelSpec spec, int limit) {
    long block = 0;
    for (LinearRole role : LinearRole.values()) {
      int outputs = spec.outputs(role);
      int inputs = spec.inputs(role);
      int group = QuantizedLinear.groupFor(inputs, limit);
      block += QuantizedLinear.codeBytes(outputs, inputs, group);
      block += QuantizedLinear.gridBytes(outputs, inputs, group);
      block += spec.biases().contains(role) ? 4L * outputs : 0;
    }
    for (NormRole norm : spec.norms()) {
      block += 4L * spec.width(norm);
    }
    return block * spec.layers() + 4L * spec.hidden();
  }

  /** An int4 head, which auto may choose, has int8 embeddings beside it, tied or not. */
  private static long tablesBytes(ModelSpec spec, HeadFormat head, int group) {
    boolean tied = spec.tiedEmbeddings();
    return switch (head) {
      case AUTO, INT4 ->
          tableBytes(spec, HeadFormat.INT8, group)
              + tableBytes(
                  spec, head == HeadFormat.INT4 || tied ? HeadFormat.INT4 : HeadFormat.INT8, group);
      case INT8, FLOAT16, FLOAT32 -> (tied ? 1 : 2) * tableBytes(spec, head, group);
    };
  }

  private static long tableBytes(ModelSpec spec, HeadFormat format, int limit) {
    int tokens = spec.vocabulary();
    int width = spec.hidden();
    int group = QuantizedLinear.groupFor(width, limit);
    return switch (format) {
      case AUTO, INT8 -> TokenTable.Int8.codeBytes(tokens, width, group) + 4L * tokens;
      case INT4 ->
          QuantizedLinear.codeBytes(tokens, width, group)
              + QuantizedLinear.gridBytes(tokens, width, group);
      case FLOAT16 -> 2L * tokens * width;
      case FLOAT32 -> 4L * tokens * width;
    };
  }

  /** Activations of a step's rows as float32 and int8, and the logits that are wanted. */
  private static long stepBytes(ModelSpec spec, SchedulerSettings budgets) {
    long row = 2L * spec.hidden();
    for (LinearRole role : LinearRole.values()) {
      row += spec.outputs(role);
    }
    for (Stage stage : Stage.values()) {
      row += spec.inputs(stage) / 2;
    }
    StepSize largest = budgets.largestStep();
    return 4 * (largest.rows() * row + 2L * largest.logits() * spec.vocabulary());
  }

  /**
   * The search's working set: a full-precision block three times (here, in PyTorch, dequantized)
   * and once a candidate, the hidden streams, three matrices of the widest linear's Hessian, the
   * logits of the guard, the tables as they are built, PyTorch itself; and, for samples of its own,
   * the whole model quantized and its keys and values.
   */
  private static Part search(ModelSpec spec, CalmSettings settings, int group) {
    int pool =
        settings.algorithm().isPresent()
            ? 1
            : settings.pool().isEmpty() ? DEFAULT_POOL : settings.pool().size();
    long block =
        4
            * Arrays.stream(LinearRole.values())
                .mapToLong(role -> (long) spec.outputs(role) * spec.inputs(role))
                .sum();
    long length = Math.min(settings.calibrationLength(), spec.maxContext());
    long tokens = CalibrationSet.total(settings.calibrationSamples()) * length;
    long widest =
        Arrays.stream(Stage.values()).mapToLong(stage -> spec.inputs(stage)).max().orElse(0);
    long streams = 4L * (pool + 2) * tokens * spec.hidden();
    long tables = tablesBytes(spec, settings.lmHead(), group);
    long searching =
        (3L + pool) * block
            + streams
            + 3 * 4 * widest * widest
            + 4 * 4 * length * spec.vocabulary()
            + ENGINE_BYTES;
    long sampling =
        settings.calibration().isPresent()
            ? 0
            : weightBytes(spec, group) + sampleBytes(spec, settings, (int) length);
    return new Part(
        "the search",
        tables + Math.max(searching, sampling),
        "lower calm.calibration.samples, name fewer algorithms in calm.pool, run ./calm quantize on"
            + " another machine and bring its calm.cache-dir");
  }

  /** Keys and values of the sequences that are sampled together, which float16 holds. */
  private static long sampleBytes(ModelSpec spec, CalmSettings settings, int length) {
    Decoders.Settings decoder =
        new Decoders.Settings(settings.kernel(), KvType.FLOAT16, settings.threadCount());
    int sequences = CalibrationSet.total(settings.calibrationSamples());
    int blocks = Math.min(SelfSampler.blocks(length), sequences * Decoder.blocksFor(length));
    return blocks * Decoders.blockBytes(spec, decoder);
  }

  private static long sum(List<Part> parts) {
    return parts.stream().mapToLong(Part::bytes).sum();
  }

  /** Returns the sum of the parts. */
  public long bytes() {
    return sum(parts);
  }

  /** Returns the sum in MiB, rounded up. */
  public long mebibytes() {
    return (bytes() + MIB - 1) / MIB;
  }

  /**
   * Refuses what does not fit.
   *
   * @param available bytes of memory
   * @param promised how many bytes of the machine's are left out of {@code available}, for models
   *     that are loaded already
   * @throws NotEnoughMemoryException with every number, and what makes it smaller
   */
  public void requireFits(long available, long promised) {
    if (bytes() <= available) {
      return;
    }
    throw new NotEnoughMemoryException(
        ("memory: the model needs %d MiB (%s), %d MiB are available%s; %s, or give the process more"
                + " memory")
            .formatted(
                mebibytes(),
                parts.stream()
                    .map(part -> "%s %d".formatted(part.name(), (part.bytes() + MIB - 1) / MIB))
                    .collect(Collectors.joining(", ")),
                Math.max(0, available) / MIB,
                promised > 0
                    ? " beside the %d MiB of the models that are loaded".formatted(promised / MIB)
                    : "",
                parts.stream().map(Part::remedy).collect(Collectors.joining(", "))));
  }

  @Override
  public String toString() {
    return parts.stream()
        .map(part -> "%s %d MiB".formatted(part.name(), part.bytes() / MIB))
        .collect(Collectors.joining(", "));
  }
}
