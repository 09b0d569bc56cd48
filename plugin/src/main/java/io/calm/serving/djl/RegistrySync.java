package io.calm.serving.djl;

import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Synchronizes our registry and queued requests with changes of DJL Serving that it does not
 * announce: models whose load failed or was deleted meanwhile, and the queues of deleted models.
 */
final class RegistrySync {
  private static final Logger logger = LoggerFactory.getLogger(RegistrySync.class);
  private static final long PERIOD_MILLIS = 500;

  private final ModelRegistry ours;
  private final DjlServer server;
  private final JobQueues jobs;

  RegistrySync(ModelRegistry ours, DjlServer server, JobQueues jobs) {
    this.ours = ours;
    this.server = server;
    this.jobs = jobs;
  }

  /** Starts to synchronize twice a second on a daemon thread. */
  @SuppressWarnings("FutureReturnValueIgnored") // it never ends
  void start() {
    ScheduledExecutorService clock =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "calm-registry");
              thread.setDaemon(true);
              return thread;
            });
    clock.scheduleWithFixedDelay(
        this::lookQuietly, PERIOD_MILLIS, PERIOD_MILLIS, TimeUnit.MILLISECONDS);
  }

  private void lookQuietly() {
    try {
      look();
    } catch (RuntimeException e) {
      logger.warn("cannot read DJL Serving's models; retrying soon", e);
    }
  }

  /**
   * Removes the models that DJL Serving has removed. It names a model before it loads it, so our
   * models are read first: one that is registered meanwhile is not among them.
   */
  void look() {
    Map<String, ModelStatus> before = ours.all();
    Set<String> names = server.names();
    before.forEach(
        (name, status) -> {
          if (!names.contains(name)) {
            ours.remove(name, status);
          }
        });
    jobs.refuseOrphans(ours);
  }
}
