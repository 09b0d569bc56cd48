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
import java.util.ArrayList;
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
   * @param layout sizes of its artifact
   * @param budgets of its scheduler
   * @param quantized whether its artifact exists, so that nothing is searched
   */
  public static MemoryEstimate of(
      ModelSpec spec,
      ArtifactLayout layout,
      CalmSettings settings,
      SchedulerSettings budgets,
      boolean quantized) {
    List<Part> parts = new ArrayList<>();
    parts.add(new Part("weights", layout.blocksBytes(spec), "use a smaller model"));
    parts.add(
        new Part(
            "embeddings and lm_head", layout.tablesBytes(spec), "set calm.lm-head=int8 or int4"));
    List<Part> serving =
        List.of(
            new Part(
                "keys and values",
                budgets.blocks() * Decoders.blockBytes(spec, settings.decoder().forDecoder()),
                "lower calm.kv-budget-mb"),
            new Part("step buffers", stepBytes(spec, budgets), "lower calm.max-running"));
    List<Part> search = quantized ? List.of() : List.of(search(spec, layout, settings));
    parts.addAll(sum(search) > sum(serving) ? search : serving);
    return new MemoryEstimate(parts);
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

  private static Part search(ModelSpec spec, ArtifactLayout layout, CalmSettings settings) {
    return new Part("the search", SearchMemory.bytes(spec, layout, settings), SearchMemory.REMEDY);
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
