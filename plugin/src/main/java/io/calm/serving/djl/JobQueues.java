package io.calm.serving.djl;

import ai.djl.serving.wlm.util.WlmCapacityException;
import ai.djl.serving.wlm.util.WlmException;
import io.calm.serving.http.Admission;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.ReplySink;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Passes claimed requests through DJL Serving's job queues: {@code job_queue_size} limits them, its
 * metrics count them, and its workers start them.
 *
 * <p>DJL Serving takes the lowest priority first, and the latest among equal ones. So each request
 * gets a priority of its own in order of arrival. A queue that is removed with its model keeps its
 * jobs forever; {@link #refuseOrphans} answers them.
 */
final class JobQueues implements Admission {
  private static final Logger logger = LoggerFactory.getLogger(JobQueues.class);
  private static final String PRIORITY = "x-priority";

  private final DjlServer server;
  private final Set<ClaimedJob> queued = ConcurrentHashMap.newKeySet();
  private final AtomicInteger turns = new AtomicInteger();

  JobQueues(DjlServer server) {
    this.server = server;
  }

  @Override
  public boolean isOpen(String model) {
    return server.hasStartedWorkers(model);
  }

  @Override
  @SuppressWarnings("FutureReturnValueIgnored") // failures are answered
  public PreparedReply.Running start(PreparedReply reply, ReplySink sink) {
    ClaimedJob job = new ClaimedJob(reply, sink);
    job.addProperty(PRIORITY, Integer.toString(turns.getAndIncrement()));
    queued.add(job);
    boolean hadWorker = server.hasWorker(reply.model().name());
    server
        .run(reply.model().name(), job)
        .whenComplete(
            (output, failure) -> {
              queued.remove(job);
              Optional.ofNullable(failure)
                  .ifPresent(e -> job.refuse(error(reply.model(), hadWorker, e)));
            });
    return job;
  }

  /**
   * Answers the jobs of models that are no longer served. A model that the result of its search has
   * replaced is still served, by that result.
   */
  void refuseOrphans(ModelRegistry registry) {
    Predicate<ServedModel> served =
        model ->
            registry.status(model.name()).orElse(null) instanceof ModelStatus.Ready ready
                && (ready.model().equals(model) || ready.model().equals(model.current()));
    queued.stream()
        .filter(job -> !served.test(job.reply().model()))
        .toList()
        .forEach(
            job -> {
              queued.remove(job);
              job.refuse(withoutWorker(job.reply().model()));
            });
  }

  /**
   * Returns the answer to a failed job.
   *
   * @param hadWorker whether a worker ran before the job; DJL Serving also says that the queue is
   *     full if there is none yet
   */
  private static ApiException error(ServedModel model, boolean hadWorker, Throwable failure) {
    Optional<WlmException> refusal = refusal(failure);
    if (refusal.isEmpty()) {
      logger.error("{}: a job failed", model.name(), failure);
      return ApiException.bug();
    }
    DjlResponses.count("WlmError");
    logger.warn("{}: {}", model.name(), refusal.get().getMessage());
    return refusal.get() instanceof WlmCapacityException && hadWorker
        ? new ApiException(
            ApiException.Kind.QUEUE_FULL,
            "the queue of model %s is full (job_queue_size); try again later"
                .formatted(model.name()))
        : withoutWorker(model);
  }

  private static ApiException withoutWorker(ServedModel model) {
    return new ApiException(
        ApiException.Kind.NOT_READY,
        "model %s has no worker: it is starting, is being unloaded, or has failed"
            .formatted(model.name()));
  }

  private static Optional<WlmException> refusal(Throwable failure) {
    return Stream.<Throwable>iterate(failure, e -> e != null, Throwable::getCause)
        .filter(WlmException.class::isInstance)
        .map(WlmException.class::cast)
        .findFirst();
  }
}
