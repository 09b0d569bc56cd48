package io.calm.quantize;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactKey;
import io.calm.artifact.ArtifactStore;
import io.calm.artifact.ArtifactWriter;
import io.calm.artifact.LookupCounts;
import io.calm.quantize.QuantizeException.Kind;
import io.calm.quantize.QuantizedModelStore.Reservation;
import io.calm.search.Progress;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes an artifact, or opens it if another thread or process makes it in the meantime.
 *
 * <p>A search never waits for another writer while it holds the search turn; it releases the turn
 * first. Other searches of this process therefore continue, and two processes cannot deadlock. A
 * wait reserves no memory either.
 */
final class ArtifactMaking {
  private static final Logger logger = LoggerFactory.getLogger(ArtifactMaking.class);

  /** Failures of the heap, as HotSpot names them. */
  private static final List<String> HEAP =
      List.of("Java heap space", "GC overhead limit exceeded", "Requested array size");

  private final ArtifactStore store;
  private final Consumer<Progress> progress;
  private final Supplier<? extends Reservation> memory;

  /**
   * @param progress receives every step on the calling thread; an exception that it throws ends the
   *     work
   * @param memory reserves the memory of the work; called when it is its turn
   */
  ArtifactMaking(
      ArtifactStore store, Consumer<Progress> progress, Supplier<? extends Reservation> memory) {
    this.store = store;
    this.progress = progress;
    this.memory = memory;
  }

  /**
   * An artifact to make.
   *
   * @param claim claims the key without a wait; the store counts the outcome
   * @param work writes and publishes it
   */
  record Order(
      ArtifactKey key,
      Supplier<Optional<ArtifactStore.Claim>> claim,
      Function<ArtifactWriter, Artifact> work) {}

  /**
   * Returns the artifact of an order, which this or another writer makes.
   *
   * @param searches whether the work takes a turn
   */
  @SuppressWarnings("try") // the turn is held, not used
  Artifact make(Order order, boolean searches) {
    Optional<Artifact> made = Optional.empty();
    while (made.isEmpty()) {
      if (searches) {
        try (SearchTurn turn = SearchTurn.take(progress)) {
          made = claimed(order);
        }
      } else { // takes seconds, so it need not wait for a search of minutes
        made = claimed(order);
      }
      if (made.isEmpty()) {
        made = ofOtherWriter(order.key());
      }
    }
    return made.get();
  }

  /** Makes an artifact or opens it; empty if another thread or process makes it. */
  @SuppressWarnings("try") // the reservation is held, not used
  private Optional<Artifact> claimed(Order order) {
    Optional<ArtifactStore.Claim> claim = order.claim().get();
    if (claim.isEmpty()) {
      return Optional.empty();
    }
    if (claim.get() instanceof ArtifactStore.Ready ready) {
      return Optional.of(ready.artifact());
    }
    try (ArtifactWriter writer = ((ArtifactStore.Granted) claim.get()).writer();
        Reservation reservation = memory.get()) {
      Artifact artifact = order.work().apply(writer);
      logger.info("{} is written, {} MiB", artifact.directory(), artifact.sizeInBytes() >> 20);
      return Optional.of(artifact);
    } catch (OutOfMemoryError e) {
      throw new QuantizeException(Kind.NOT_ENOUGH_MEMORY, outOfMemory(e), e);
    }
  }

  /** Waits for another writer, and returns its artifact; empty if it has failed. */
  private Optional<Artifact> ofOtherWriter(ArtifactKey key) {
    store.awaitWriter(
        key, () -> progress.accept(new Progress.Step(Progress.Kind.WAITING_FOR_WRITER)));
    Optional<Artifact> found = store.find(key);
    found.ifPresent(artifact -> LookupCounts.PROCESS.count(LookupCounts.Outcome.HIT));
    return found;
  }

  /**
   * Returns the message of work that ran out of direct memory, the heap, or what the system has.
   */
  static String outOfMemory(OutOfMemoryError e) {
    String message = String.valueOf(e.getMessage());
    if (message.toLowerCase(Locale.ROOT).contains("direct buffer memory")) {
      return ("quantizing this model needs more memory outside the heap than the JVM may take, %d MiB"
              + " (%s); start it with -XX:MaxDirectMemorySize=8g or more")
          .formatted(MemoryLimits.directLimit() >> 20, message);
    }
    if (HEAP.stream().anyMatch(message::contains)) {
      return "quantizing this model needs more memory than the JVM has, a heap of %d MiB (%s); start it with a larger -Xmx"
          .formatted(Runtime.getRuntime().maxMemory() >> 20, message);
    }
    return "quantizing this model needs more memory or threads than the system gives the process (%s); raise the limits of the process, or free memory"
        .formatted(message);
  }
}
