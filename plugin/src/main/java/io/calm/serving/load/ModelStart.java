package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.compare.ComparedModel;
import io.calm.compare.ComparisonOptions;
import io.calm.compare.ProbeStore;
import io.calm.compare.TwinComparison;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.kernels.MachineInfo;
import io.calm.quantize.QuantizedModelStore;
import io.calm.report.ReportSource;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.serving.model.CheckpointParts;
import io.calm.serving.model.ServedModel;
import io.calm.settings.CalmSettings;
import io.calm.settings.WeightMemory;
import io.calm.torch.Backends;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The start of a model whose artifact is open: its decoder, its warm-up, its scheduler. One object
 * starts a model once, on one thread.
 */
final class ModelStart {
  private static final Logger logger = LoggerFactory.getLogger(ModelStart.class);

  private final ModelLoader.Order order;
  private final CalmSettings settings;
  private final Checkpoint checkpoint;
  private final Artifact artifact;
  private final CheckpointParts parts;

  /** Budgets for the device that the settings select. */
  private final SchedulerSettings device;

  /**
   * Prepares the start.
   *
   * @param artifact may be closed after {@link #run}
   */
  ModelStart(
      ModelLoader.Order order, Checkpoint checkpoint, Artifact artifact, CheckpointParts parts) {
    this.order = order;
    this.settings = order.settings();
    this.checkpoint = checkpoint;
    this.artifact = artifact;
    this.parts = parts;
    this.device = ModelMemory.budgets(checkpoint, settings);
  }

  /**
   * Starts the model and returns it ready to serve.
   *
   * @param rehearsal part of the warm-up; not run if {@code calm.warm-up=false}
   */
  ServedModel run(Rehearsal rehearsal) {
    MemoryEstimate estimate = ModelMemory.estimate(checkpoint, settings, true);
    try (MemoryLedger.MemoryReservation reservation = ModelMemory.reserve(settings, estimate)) {
      // Holds a lease: mapped files are closed with the decoder, which the scheduler closes.
      WeightMemory weights = ServedWeights.choose(settings, MemoryLedger.PROCESS.hasRoom());
      Decoder decoder =
          ServedWeights.decoder(weights, artifact.model(), settings, device, () -> {});
      ReportSource source;
      TwinComparison comparison;
      SchedulerSettings budgets;
      try {
        reservation.allocated(ModelMemory.copied(weights, checkpoint, settings));
        // All but the scheduler comes before the warm-up: what the compiler of the JVM has to do
        // after it would delay the first request.
        source = ReportSource.of(order.name(), order.url(), order.argument(), settings, artifact);
        budgets = budgets(device, decoder, settings);
        comparison = comparison(weights, budgets, kernel(decoder));
        if (settings.loading().warmUp()) {
          warmUp(source, decoder, budgets, rehearsal);
        }
      } catch (RuntimeException | Error e) {
        decoder.close(); // with its copies and the lease of the artifact
        throw e;
      }
      Scheduler scheduler = scheduler(order.name(), decoder, budgets);
      try {
        reservation.keep(scheduler);
        logger.debug("{}: {} MiB of memory: {}", order.name(), estimate.mebibytes(), estimate);
        return served(source, scheduler, comparison);
      } catch (RuntimeException | Error e) {
        scheduler.close(); // and with it the decoder
        throw e;
      }
    }
  }

  private ServedModel served(ReportSource source, Scheduler scheduler, TwinComparison comparison) {
    return new ServedModel(
        source,
        parts,
        scheduler,
        limits(),
        order.lmi(),
        Instant.now(),
        comparison.begin(
            () -> TwinComparison.isBusy(scheduler) || QuantizedModelStore.isSearching()));
  }

  private void warmUp(
      ReportSource source, Decoder decoder, SchedulerSettings budgets, Rehearsal rehearsal) {
    BiConsumer<Scheduler, Duration> requests =
        (scheduler, limit) -> rehearsal.run(view(source, scheduler, limit), limit);
    WarmUp.run(
        order.name(),
        decoder,
        budgets,
        parts.tokenizer(),
        parts.chatTemplate(),
        requests,
        System::nanoTime);
  }

  /** Returns a model for the rehearsal, which has no uniform twin. */
  private ServedModel view(ReportSource source, Scheduler scheduler, Duration requestTimeout) {
    ServedModel.Limits limits = limits();
    return new ServedModel(
        source,
        parts,
        scheduler,
        new ServedModel.Limits(
            limits.defaultMaxTokens(),
            Optional.of(requestTimeout),
            limits.slowReaderTimeout(),
            limits.drainTimeout()),
        order.lmi(),
        Instant.now(),
        TwinComparison.none());
  }

  private ServedModel.Limits limits() {
    return new ServedModel.Limits(
        settings.generation().defaultMaxTokens(),
        settings.timeouts().request(),
        settings.timeouts().slowReader(),
        settings.timeouts().drain());
  }

  /** Starts a scheduler, which owns the decoder; closes the decoder if this fails. */
  static Scheduler scheduler(String name, Decoder decoder, SchedulerSettings budgets) {
    try {
      return Scheduler.start(name, decoder, budgets, System::nanoTime);
    } catch (RuntimeException | Error e) { // e.g. no thread: nothing else would close the decoder
      decoder.close();
      throw e;
    }
  }

  private TwinComparison comparison(
      WeightMemory weights, SchedulerSettings budgets, String kernel) {
    ModelTwin twin = new ModelTwin(order, artifact, budgets, weights);
    return TwinComparison.prepare(
        new ComparedModel(
            order.name(),
            artifact.plan().served(),
            artifact.key().id(),
            Optional.of(MachineInfo.of(kernel)),
            settings.decoder().threadCount(),
            weights.name().toLowerCase(Locale.ROOT)),
        ComparisonOptions.serving(settings.compare().probe(), settings.compare().share()),
        twin,
        () -> twin.describe(checkpoint),
        Optional.of(new ProbeStore(settings.loading().cacheDir())));
  }

  /** Returns the budgets for a decoder, which speculates if it has fallen back to the CPU. */
  static SchedulerSettings budgets(
      SchedulerSettings device, Decoder decoder, CalmSettings settings) {
    return Backends.isTorch(settings.decoder().forDecoder()) && !Backends.isTorch(decoder)
        ? device.speculating(settings.generation().speculatedTokens())
        : device;
  }

  private String kernel(Decoder decoder) {
    return Backends.isTorch(decoder)
        ? "pytorch"
        : Decoders.chosen(settings.decoder().forDecoder().kernel());
  }
}
