package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactLayout;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.compare.Baseline;
import io.calm.compare.LatencyReport;
import io.calm.compare.LatencyReport.TwinState;
import io.calm.compare.StepShape;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.model.QuantizedModel;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.search.QuantPlan;
import io.calm.serving.model.LoadCancelledException;
import io.calm.settings.CalmSettings;
import io.calm.torch.Backends;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;

/** The uniform twin of a model that {@link ModelLoader} loads. Reads its files when it is used. */
final class ModelTwin implements Baseline {
  /** Tokens of the largest step of a probe. */
  private static final int PROBE_TOKENS = 256;

  private static final int PROBE_SEQUENCES = 8;

  private final ModelLoader.Order order;
  private final QuantPlan plan;
  private final SchedulerSettings budgets;
  private final UniformChoice choice;

  /**
   * Selects the twin.
   *
   * @param served served artifact, which is not kept
   * @param budgets budgets of the model's scheduler
   */
  ModelTwin(ModelLoader.Order order, Artifact served, SchedulerSettings budgets) {
    this.order = order;
    this.plan = served.plan();
    this.budgets = budgets;
    this.choice = UniformChoice.of(plan);
  }

  private boolean identical() {
    return choice.identical();
  }

  @Override
  public LatencyReport.Twin describe() {
    if (choice.algorithm().isEmpty()) {
      return LatencyReport.Twin.off("auto", choice.reason());
    }
    boolean stored = identical() || withCheckpoint(this::isStored);
    return new LatencyReport.Twin(
        "auto",
        choice.variant(),
        identical(),
        stored ? TwinState.READY : TwinState.MISSING,
        choice.reason());
  }

  private boolean isStored(Checkpoint checkpoint) {
    var found = twinStore().find(checkpoint);
    found.ifPresent(Artifact::close);
    return found.isPresent();
  }

  private QuantizedModelStore twinStore() {
    return new QuantizedModelStore(identical() ? order.settings() : choice.settings(order, plan));
  }

  private <T> T withCheckpoint(Function<Checkpoint, T> work) {
    var answers = new QuantizedModelStore(order.settings()).answers();
    try (Checkpoint checkpoint = Checkpoints.open(order.checkpoint(), false, answers)) {
      return work.apply(checkpoint);
    }
  }

  @Override
  public void make(BooleanSupplier cancelled) {
    withCheckpoint(
            checkpoint ->
                twinStore()
                    .get(
                        checkpoint,
                        step -> {
                          if (cancelled.getAsBoolean()) {
                            throw new LoadCancelledException(
                                "model %s was unregistered".formatted(order.name()));
                          }
                        },
                        () ->
                            ModelLoader.reserve(
                                order.settings(),
                                ModelLoader.memory(checkpoint, order.settings(), false))))
        .close();
  }

  @Override
  public Decoders open(List<StepShape> shapes) {
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
              ModelLoader.reserve(order.settings(), estimate(checkpoint, probe, 2));
          return closingOnFailure(
              memory,
              () -> {
                Decoder served = decoder(order.settings(), checkpoint, probe);
                return closingOnFailure(
                    served::close,
                    () -> new Opened(served, twinDecoder(checkpoint, probe), memory));
              });
        });
  }

  /** Two decoders and the reservation of their memory. */
  private record Opened(Decoder served, Decoder uniform, MemoryLedger.MemoryReservation memory)
      implements Decoders {
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
            budgets.stepTokens());
    return withCheckpoint(
        checkpoint -> {
          MemoryEstimate estimate = estimate(checkpoint, shadow, 1);
          try (MemoryLedger.MemoryReservation memory =
              ModelLoader.reserve(order.settings(), estimate)) {
            Scheduler scheduler =
                ModelLoader.start(
                    order.name() + "-uniform", twinDecoder(checkpoint, shadow), shadow);
            memory.keep(scheduler, estimate.bytes());
            return scheduler;
          }
        });
  }

  private MemoryEstimate estimate(Checkpoint checkpoint, SchedulerSettings each, int decoders) {
    ArtifactLayout layout = new QuantizedModelStore(order.settings()).layout(checkpoint);
    return MemoryEstimate.ofTwin(
        checkpoint.spec(), layout, order.settings(), each, !identical(), decoders);
  }

  private Decoder twinDecoder(Checkpoint checkpoint, SchedulerSettings each) {
    return decoder(identical() ? order.settings() : choice.settings(order, plan), checkpoint, each);
  }

  private Decoder decoder(CalmSettings plan, Checkpoint checkpoint, SchedulerSettings each) {
    try (Artifact artifact =
        new QuantizedModelStore(plan)
            .find(checkpoint)
            .orElseThrow(
                () ->
                    new IllegalStateException(
                        "the artifact is no longer in %s; load the model again"
                            .formatted(order.settings().loading().cacheDir())))) {
      QuantizedModel model = artifact.model();
      return Backends.open(
          model, order.settings().decoder().forDecoder(), each.blocks(), each.largestStep());
    }
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
