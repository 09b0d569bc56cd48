package io.calm.serving.djl;

import io.calm.serving.model.ModelRegistry;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps our registry and our queued requests in step with what DJL Serving does without telling: it
 * forgets models whose load failed or was deleted under way, and the queues of deleted models.
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

  /** Looks twice a second from now on, on a daemon thread. */
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
      logger.warn("the models of DJL Serving could not be read; tried again soon", e);
    }
  }

  /** Forgets what DJL Serving has forgotten. */
  void look() {
    Set<String> names = server.names();
    ours.all().keySet().stream().filter(name -> !names.contains(name)).forEach(ours::remove);
    jobs.refuseOrphans(ours);
  }
}
