package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactLayout;
import io.calm.checkpoint.Checkpoint;
import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.quantize.QuantizedModelStore;
import io.calm.settings.CalmSettings;
import io.calm.settings.WeightMemory;
import io.calm.torch.Backends;
import java.util.Optional;

/** The memory of a model with an open checkpoint: its estimate, and its reservation. */
final class ModelMemory {
  private ModelMemory() {}

  /** Estimates the memory of a model, including the search if there is no artifact yet. */
  static MemoryEstimate estimate(Checkpoint checkpoint, CalmSettings settings) {
    Optional<Artifact> found = new QuantizedModelStore(settings).find(checkpoint);
    found.ifPresent(Artifact::close);
    return estimate(checkpoint, settings, found.isPresent());
  }

  /**
   * Estimates the memory of a model.
   *
   * @param quantized whether its artifact exists, so that no search is needed
   */
  static MemoryEstimate estimate(Checkpoint checkpoint, CalmSettings settings, boolean quantized) {
    QuantizedModelStore store = new QuantizedModelStore(settings);
    ModelSpec spec = checkpoint.spec();
    ArtifactLayout layout = store.layout(checkpoint);
    SchedulerSettings budgets = budgets(spec, settings, layout);
    return !quantized && store.isWeightsOnly(checkpoint)
        ? MemoryEstimate.ofWeightsAlone(spec, layout, settings, budgets)
        : MemoryEstimate.of(spec, layout, settings, budgets, quantized);
  }

  /**
   * Returns the budgets of the model's scheduler.
   *
   * @throws IllegalArgumentException if the settings leave no room for one
   */
  static SchedulerSettings budgets(Checkpoint checkpoint, CalmSettings settings) {
    ArtifactLayout layout = new QuantizedModelStore(settings).layout(checkpoint);
    return budgets(checkpoint.spec(), settings, layout);
  }

  private static SchedulerSettings budgets(
      ModelSpec spec, CalmSettings settings, ArtifactLayout layout) {
    return SchedulerBudgets.of(
        spec,
        settings,
        MemoryLedger.PROCESS.room().available(),
        Backends.deviceBytes(settings.decoder().forDecoder(), layout.modelBytes(spec)));
  }

  /** Returns the size of a decoder's copies of the weights, which the system counts as used. */
  static long copied(WeightMemory memory, Checkpoint checkpoint, CalmSettings settings) {
    return memory == WeightMemory.COPIED
        ? new QuantizedModelStore(settings).layout(checkpoint).modelBytes(checkpoint.spec())
        : 0;
  }

  /** Reserves memory, without a check if {@code calm.memory-check=false}. */
  static MemoryLedger.MemoryReservation reserve(CalmSettings settings, MemoryEstimate estimate) {
    return settings.loading().memoryCheck()
        ? MemoryLedger.PROCESS.reserve(estimate)
        : MemoryLedger.PROCESS.reserveUnchecked(estimate);
  }

  /** Reserves the memory of a search and of the model that it makes. */
  static MemoryLedger.MemoryReservation reserveSearch(
      Checkpoint checkpoint, CalmSettings settings) {
    return reserve(settings, estimate(checkpoint, settings, false));
  }
}
