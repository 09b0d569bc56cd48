package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.SplittableRandom;

/** A scheduler with a thread of its own over a {@link HashDecoder}. */
final class SchedulerFixture {
  static final SchedulerSettings SETTINGS = new SchedulerSettings(64, 4, 4, 8, 16);
  static final Duration LONG = Duration.ofSeconds(30);

  final HashDecoder decoder = new HashDecoder(SETTINGS, new SplittableRandom(1), 0);

  Scheduler start() {
    return start(SETTINGS);
  }

  Scheduler start(SchedulerSettings settings) {
    return Scheduler.start("test", decoder, settings, () -> 0);
  }

  static GenerationRequest request(int maxNewTokens, GenerationListener listener, int... prompt) {
    return RequestBuilder.prompt(prompt).maxNewTokens(maxNewTokens).build(listener);
  }

  /** Submits a short request, and requires that it is rejected. */
  static RejectedException rejected(Scheduler scheduler) {
    return rejected(scheduler, request(2, new Recorder(), 1));
  }

  static RejectedException rejected(Scheduler scheduler, GenerationRequest request) {
    return assertThrows(RejectedException.class, () -> scheduler.submit(request));
  }
}
