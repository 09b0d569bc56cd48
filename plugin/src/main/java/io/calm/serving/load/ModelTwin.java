package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactLayout;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.compare.LatencyReport;
import io.calm.compare.LatencyReport.TwinState;
import io.calm.compare.StepShape;
import io.calm.compare.TwinSource;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.quantize.Baseline;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.serving.model.LoadCancelledException;
import io.calm.settings.WeightMemory;
import io.calm.text.Urls;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;

/** The uniform twin of a model that {@link ModelLoader} loads. Reads its files when it is used. */
final class ModelTwin implements TwinSource {
  /** Tokens of the largest step of a probe. */
  private static final int PROBE_TOKENS = 256;

  private static final int PROBE_SEQUENCES = 8;

  private final ModelLoader.Order order;
  private final Artifact served;
  private final SchedulerSettings budgets;
  private final WeightMemory weights;

  /**
   * Creates the access to the twin.
   *
   * @param served served artifact, which may be closed
   * @param budgets budgets of the model's scheduler
   * @param weights memory of the model's weights, and of every decoder that is opened here, so that
   *     a comparison measures the plans and not their pages
   */
  ModelTwin(
      ModelLoader.Order order, Artifact served, SchedulerSettings budgets, WeightMemory weights) {
    this.order = order;
    this.served = served;
    this.budgets = budgets;
    this.weights = weights;
  }

  @Override
  public LatencyReport.Twin describe() {
    return withCheckpoint(this::describe);
  }

  /** Describes the twin with an open checkpoint of the model. */
  LatencyReport.Twin describe(Checkpoint checkpoint) {
    String setting = order.settings().loading().baseline().setting();
    Baseline selected = store().baseline(checkpoint, served);
    return selected instanceof Baseline.Uniform uniform
        ? new LatencyReport.Twin(
            setting,
            uniform.variant(),
            uniform.identical(),
            uniform.stored() ? TwinState.READY : TwinState.MISSING,
            uniform.reason())
        : LatencyReport.Twin.off(setting, selected.reason());
  }

  private QuantizedModelStore store() {
    return new QuantizedModelStore(order.settings());
  }

  private <T> T withCheckpoint(Function<Checkpoint, T> work) {
    var answers = store().answers();
    try (Checkpoint checkpoint = Checkpoints.open(order.checkpoint(), false, answers)) {
      return work.apply(checkpoint);
    }
  }

  @Override
  public void make(BooleanSupplier cancelled) {
    QuantizedModelStore background = new QuantizedModelStore(order.settings(), true);
    inBackground(
        checkpoint -> {
          twin(
                  background,
                  checkpoint,
                  cancelled,
                  () -> ModelMemory.reserveSearch(checkpoint, order.settings()))
              .close();
          return true;
        });
  }

  /** Works with the checkpoint beside models that answer requests: at the lowest priority. */
  private <T> T inBackground(Function<Checkpoint, T> work) {
    try {
      return BackgroundThread.call("twin", order, () -> withCheckpoint(work));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(
          "%s: interrupted while its uniform twin was made".formatted(order.name()), e);
    }
  }

  /** Opens the twin, or makes it with the memory that the supplier reserves. */
  private Artifact twin(
      QuantizedModelStore store,
      Checkpoint checkpoint,
      BooleanSupplier cancelled,
      Supplier<QuantizedModelStore.Reservation> search) {
    return store.openBaseline(
        checkpoint,
        served,
        step -> {
          if (cancelled.getAsBoolean()) {
            throw new LoadCancelledException(
                LoadCancelledException.Reason.UNREGISTERED,
                "model %s was unregistered".formatted(order.name()));
          }
        },
        search);
  }

  @Override
  public PairedDecoders open(List<StepShape> shapes, boolean uniformFirst) {
    SchedulerSettings probe =
        new SchedulerSettings(
            budgets.maxContext(),
            StepShape.blocks(shapes),
            PROBE_SEQUENCES,
            1,
            PROBE_TOKENS - PROBE_SEQUENCES);
    return withCheckpoint(
        checkpoint -> {
          MemoryLedger.MemoryReservation memory =
              ModelMemory.reserve(order.settings(), estimate(checkpoint, probe, 2));
          return closingOnFailure(
              memory,
              () -> {
                Decoder first = decoder(checkpoint, probe, uniformFirst, memory);
                return closingOnFailure(
                    first::close,
                    () -> {
                      Decoder second = decoder(checkpoint, probe, !uniformFirst, memory);
                      return uniformFirst
                          ? new Opened(second, first, memory)
                          : new Opened(first, second, memory);
                    });
              });
        });
  }

  /** Two decoders and the reservation of their memory. */
  private record Opened(Decoder served, Decoder uniform, MemoryLedger.MemoryReservation memory)
      implements PairedDecoders {
    @Override
    @SuppressWarnings("try") // closed in reverse order, each whatever the others throw
    public void close() {
      try (memory;
          served;
          uniform) {
        return;
      }
    }
  }

  @Override
  public Scheduler schedule(double share) {
    int blocks =
        Math.max(
            (int) Math.ceil(share * budgets.blocks()),
            Math.min(budgets.blocks(), Decoder.blocksFor(budgets.maxContext())));
    SchedulerSettings shadow =
        new SchedulerSettings(
            budgets.maxContext(),
            blocks,
            budgets.maxRunning(),
            budgets.queueSize(),
            budgets.stepTokens(),
            budgets.speculatedTokens());
    return withCheckpoint(
        checkpoint -> {
          try (MemoryLedger.MemoryReservation memory =
              ModelMemory.reserve(order.settings(), estimate(checkpoint, shadow, 1))) {
            Decoder decoder = decoder(checkpoint, shadow, true, memory);
            Scheduler scheduler = ModelStart.scheduler(order.name() + "-uniform", decoder, shadow);
            memory.keep(scheduler);
            return scheduler;
          }
        });
  }

  private MemoryEstimate estimate(Checkpoint checkpoint, SchedulerSettings each, int decoders) {
    ArtifactLayout layout = store().layout(checkpoint);
    boolean copies = weights == WeightMemory.COPIED;
    int models = copies ? decoders : describe(checkpoint).identical() ? 0 : 1;
    return MemoryEstimate.ofTwin(
        checkpoint.spec(), layout, order.settings(), each, models, decoders);
  }

  /** Opens a decoder, whose copies of weights are no longer reserved then. */
  private Decoder decoder(
      Checkpoint checkpoint,
      SchedulerSettings each,
      boolean uniform,
      MemoryLedger.MemoryReservation memory) {
    Decoder decoder = uniform ? twinDecoder(checkpoint, each) : servedDecoder(checkpoint, each);
    memory.allocated(ModelMemory.copied(weights, checkpoint, order.settings()));
    return decoder;
  }

  private Decoder servedDecoder(Checkpoint checkpoint, SchedulerSettings each) {
    try (Artifact artifact = store().find(checkpoint).orElseThrow(this::missing)) {
      return decoder(artifact, each);
    }
  }

  private Decoder twinDecoder(Checkpoint checkpoint, SchedulerSettings each) {
    try (Artifact artifact = twin(store(), checkpoint, () -> false, this::noSearch)) {
      return decoder(artifact, each);
    }
  }

  private Decoder decoder(Artifact artifact, SchedulerSettings each) {
    return ServedWeights.decoder(weights, artifact.model(), order.settings(), each);
  }

  private QuantizedModelStore.Reservation noSearch() {
    throw new IllegalStateException(
        "the uniform twin of %s is missing or damaged; POST /calm/models/%s/latency makes it again"
            .formatted(order.name(), Urls.segment(order.name())));
  }

  private IllegalStateException missing() {
    return new IllegalStateException(
        "%s: the artifact is missing or damaged; load the model again, which makes it again"
            .formatted(served.directory()));
  }

  private static <T> T closingOnFailure(QuantizedModelStore.Reservation held, Supplier<T> work) {
    try {
      return work.get();
    } catch (RuntimeException | Error e) {
      held.close();
      throw e;
    }
  }
}
