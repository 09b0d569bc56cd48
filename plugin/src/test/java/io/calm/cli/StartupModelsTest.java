package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import io.calm.search.Progress;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.load.ModelLoads;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.ServedModel;
import io.calm.settings.CalmSettings;
import io.calm.testing.Latches;
import io.calm.testing.Poll;
import io.calm.testing.ScriptedModels;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Startup models, of which one is ready and one still loads: {@code slow...} until it may end. */
@Timeout(60)
class StartupModelsTest {
  private final ModelRegistry registry = new ModelRegistry();
  private final ModelLoads loads = new ModelLoads(registry, this::load);
  private final CountDownLatch slowMayEnd = new CountDownLatch(1);
  private final FutureTask<List<ServedModel>> startup =
      new FutureTask<>(
          () -> StartupModels.load(List.of(order("ready"), order("slow")), registry, loads));

  private final RuntimeException failure = new CheckpointException("a file is gone");

  @AfterEach
  void close() {
    slowMayEnd.countDown();
    registry.close();
  }

  private static ModelLoader.Order order(String name) {
    return new ModelLoader.Order(
        name,
        "file:/models/" + name,
        Path.of("/models", name),
        CalmSettings.of(Map.of(), Map.of()),
        LmiOptions.DEFAULT,
        false);
  }

  private ServedModel load(ModelLoader.Order order, Consumer<Progress> progress) {
    if (order.name().startsWith("slow")) {
      Latches.await(slowMayEnd);
      throw failure;
    }
    return ScriptedModels.create(order.name());
  }

  private ServedModel startOne() throws Exception {
    new Thread(startup).start();
    Poll.until("one model is ready", () -> ready().isPresent() || startup.isDone());
    if (ready().isEmpty()) {
      startup.get(); // throws what failed
    }
    return ready().orElseThrow();
  }

  private Optional<ServedModel> ready() {
    return registry
        .status("ready")
        .filter(ModelStatus.Ready.class::isInstance)
        .map(status -> ((ModelStatus.Ready) status).model());
  }

  @Test
  void anUnregisteredModelEndsNoOther() throws Exception {
    ServedModel ready = startOne();
    assertTrue(registry.remove("slow"));
    slowMayEnd.countDown();
    assertEquals(List.of(ready), startup.get(30, TimeUnit.SECONDS));
    assertFalse(ready.scheduler().ended());
    assertTrue(registry.allReady());
  }

  @Test
  void aStopCancelsALoadAndIsNoFailure() throws Exception {
    ServedModel ready = startOne();
    registry.drain();
    slowMayEnd.countDown();
    assertEquals(List.of(ready), startup.get(30, TimeUnit.SECONDS));
  }

  @Test
  void aFailedLoadIsAFailure() throws Exception {
    startOne();
    slowMayEnd.countDown();
    assertSame(
        failure, assertThrows(Exception.class, () -> startup.get(30, TimeUnit.SECONDS)).getCause());
  }
}
