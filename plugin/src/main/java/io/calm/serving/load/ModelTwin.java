package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.compare.LatencyReport;
import io.calm.compare.LatencyReport.TwinState;
import io.calm.compare.TwinSource;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.quantize.Baseline;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.serving.model.LoadCancelledException;
import io.calm.settings.WeightMemory;
import io.calm.text.Urls;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;

/** The uniform twin of a model that {@link ModelLoader} loads. Reads its files when it is used. */
final class ModelTwin implements TwinSource {
  private final ModelLoader.Order order;
  private final Artifact served;
  private final SchedulerSettings budgets;
  private final WeightMemory weights;

  /**
   * Creates the access to the twin.
   *
   * @param served served artifact, which may be closed
   * @param budgets budgets of the model's scheduler
   * @param weights memory of the model's weights, and of every decoder of a comparison, so that a
   *     comparison measures the plans and not their pages
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
  public Stored make(BooleanSupplier cancelled) {
    QuantizedModelStore background = new QuantizedModelStore(order.settings(), true);
    return inBackground(
        checkpoint ->
            new Made(
                frame(checkpoint),
                twin(
                    background,
                    checkpoint,
                    cancelled,
                    () -> ModelMemory.reserveSearch(checkpoint, order.settings()))));
  }

  /** The open artifact of the twin. */
  private final class Made implements Stored {
    private final TwinPlans.Frame frame;
    private final Artifact artifact;

    Made(TwinPlans.Frame frame, Artifact artifact) {
      this.frame = frame;
      this.artifact = artifact;
    }

    @Override
    public Scheduler schedule(double share, Runnable pause) {
      SchedulerSettings shadow = budgets(share);
      try (MemoryLedger.MemoryReservation memory = frame.reserve(shadow, 1)) {
        Decoder decoder = frame.decoder(artifact, shadow, memory, pause);
        Scheduler scheduler = ModelStart.scheduler(order.name() + "-uniform", decoder, shadow);
        memory.keep(scheduler);
        return scheduler;
      }
    }

    @Override
    public void close() {
      artifact.close();
    }
  }

  /** Returns the budgets of a twin that answers a share of the requests. */
  private SchedulerSettings budgets(double share) {
    int blocks =
        Math.max(
            (int) Math.ceil(share * budgets.blocks()),
            Math.min(budgets.blocks(), Decoder.blocksFor(budgets.maxContext())));
    return new SchedulerSettings(
        budgets.maxContext(),
        blocks,
        budgets.maxRunning(),
        budgets.queueSize(),
        budgets.stepTokens(),
        budgets.speculatedTokens());
  }

  /** Works with the checkpoint beside models that answer requests: at the lowest priority. */
  private <T> T inBackground(Function<Checkpoint, T> work) {
    try {
      return BackgroundThread.call("twin", order, () -> withCheckpoint(work));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(
          "%s: interrupted while its uniform twin was made or read".formatted(order.name()), e);
    }
  }

  /** Opens the twin, or makes it with the memory that the supplier reserves. */
  private Artifact twin(
      QuantizedModelStore store,
      Checkpoint checkpoint,
      BooleanSupplier cancelled,
      Supplier<QuantizedModelStore.Reservation> search) {
    return store.openTwin(
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
  public Plans read() {
    return inBackground(
        checkpoint -> {
          TwinPlans.Frame frame = frame(checkpoint);
          Artifact plan = store().find(checkpoint).orElseThrow(this::missing);
          return TwinPlans.closingOnFailure(
              plan::close,
              () ->
                  new TwinPlans(
                      frame,
                      budgets.maxContext(),
                      plan,
                      frame.identical() ? plan : stored(checkpoint)));
        });
  }

  private TwinPlans.Frame frame(Checkpoint checkpoint) {
    return new TwinPlans.Frame(
        order.settings(),
        weights,
        checkpoint.spec(),
        store().layout(checkpoint),
        describe(checkpoint).identical());
  }

  private Artifact stored(Checkpoint checkpoint) {
    return twin(store(), checkpoint, () -> false, this::noSearch);
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
}
