package io.calm.serving.load;

import io.calm.artifact.ArtifactLayout;
import io.calm.generate.SchedulerSettings;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.quantize.SearchMemory;
import io.calm.runtime.Decoders;
import io.calm.runtime.StepSize;
import io.calm.settings.CalmSettings;
import io.calm.torch.Backends;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The memory of a model outside the Java heap, by part, estimated from its sizes before any of it
 * is allocated. A search ends before serving starts, so the larger of the two phases counts.
 *
 * <p>Weights and tables are mapped files or copies of them. They count in full, because a model
 * whose weights do not stay in memory reads them from disk for every token. The part of a search is
 * an upper bound within a factor of two; all other parts are exact to a page. Keys and values on a
 * CUDA device are not memory of this process and do not count.
 *
 * @param parts parts of the larger phase, in bytes
 */
public record MemoryEstimate(List<Part> parts) {
  private static final long MIB = 1 << 20;

  /**
   * A part of the memory.
   *
   * @param remedy change that reduces it, in the imperative
   */
  public record Part(String name, long bytes, String remedy) {}

  public MemoryEstimate {
    parts = List.copyOf(parts);
  }

  /**
   * Estimates the memory of a model.
   *
   * @param layout sizes of its artifact
   * @param budgets budgets of its scheduler
   * @param quantized whether its artifact exists, so that no search is needed
   */
  public static MemoryEstimate of(
      ModelSpec spec,
      ArtifactLayout layout,
      CalmSettings settings,
      SchedulerSettings budgets,
      boolean quantized) {
    return of(
        spec,
        layout,
        settings,
        budgets,
        quantized ? List.of() : List.of(search(spec, layout, settings)));
  }

  /** Estimates the memory of a model that is quantized from its weights alone, without a search. */
  public static MemoryEstimate ofWeightsAlone(
      ModelSpec spec, ArtifactLayout layout, CalmSettings settings, SchedulerSettings budgets) {
    long bytes = SearchMemory.weightsAloneBytes(spec, layout);
    return of(
        spec,
        layout,
        settings,
        budgets,
        List.of(new Part("the quantization", bytes, "use a smaller model")));
  }

  /**
   * Estimates the memory of more decoders of a loaded model, or of its uniform twin.
   *
   * @param models number of weights and tables beside those of the loaded model
   * @param decoders number of decoders
   * @param budgets budgets of each
   */
  static MemoryEstimate ofTwin(
      ModelSpec spec,
      ArtifactLayout layout,
      CalmSettings settings,
      SchedulerSettings budgets,
      int models,
      int decoders) {
    List<Part> parts = new ArrayList<>();
    if (models > 0) {
      parts.add(
          new Part(
              "weights of the comparison",
              models * layout.modelBytes(spec),
              "set calm.baseline=off or calm.weights=mapped"));
    }
    Decoders.Settings decoder = settings.decoder().forDecoder();
    parts.add(
        new Part(
            "KV cache of the twin",
            (long) decoders * budgets.blocks() * Backends.blockBytes(spec, decoder),
            "lower calm.compare.share"));
    parts.add(
        new Part(
            "step buffers of the twin",
            decoders * stepBytes(spec, budgets),
            "lower calm.max-running"));
    return new MemoryEstimate(parts);
  }

  private static MemoryEstimate of(
      ModelSpec spec,
      ArtifactLayout layout,
      CalmSettings settings,
      SchedulerSettings budgets,
      List<Part> search) {
    List<Part> parts = new ArrayList<>();
    parts.add(new Part("weights", layout.blocksBytes(spec), "use a smaller model"));
    parts.add(
        new Part(
            "embeddings and lm_head", layout.tablesBytes(spec), "set calm.lm-head=int8 or int4"));
    List<Part> serving = new ArrayList<>();
    Decoders.Settings decoder = settings.decoder().forDecoder();
    if (Backends.deviceBytes(decoder, layout.modelBytes(spec)).isEmpty()) {
      serving.add(
          new Part(
              "KV cache",
              budgets.blocks() * Backends.blockBytes(spec, decoder),
              "lower calm.kv-budget-mb"));
    }
    serving.add(new Part("step buffers", stepBytes(spec, budgets), "lower calm.max-running"));
    parts.addAll(sum(search) > sum(serving) ? search : serving);
    return new MemoryEstimate(parts);
  }

  /**
   * Returns the size of the activations of the largest step, as float32 and int8, and of its
   * logits.
   */
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

  private static Part search(ModelSpec spec, ArtifactLayout layout, CalmSettings settings) {
    return new Part(
        "the search",
        SearchMemory.bytes(spec, layout, settings),
        SearchMemory.remedy(spec, layout, settings));
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
   * Refuses a model that does not fit.
   *
   * @param available available memory in bytes
   * @param promised memory in bytes that {@code available} excludes because loaded models need it
   * @throws NotEnoughMemoryException with the size of every part and its remedy
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
