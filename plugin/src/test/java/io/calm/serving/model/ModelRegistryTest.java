package io.calm.serving.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.search.Progress;
import io.calm.testing.ScriptedModels;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ModelRegistryTest {
  private final ModelRegistry registry = new ModelRegistry();

  private Optional<ServedModel> ready(String name) {
    return registry
        .status(name)
        .filter(ModelStatus.Ready.class::isInstance)
        .map(status -> ((ModelStatus.Ready) status).model());
  }

  @Test
  void aLoadWhoseNameWasRemovedAndTakenAgainTouchesNeither() throws Exception {
    LoadProgress first = registry.loading("m", "/a");
    registry.remove("m");
    LoadProgress second = registry.loading("m", "/b");

    ServedModel late = ScriptedModels.create("m");
    assertThrows(LoadCancelledException.class, () -> registry.ready(first, late));
    assertTrue(late.scheduler().awaitClosed(Duration.ofSeconds(10)), "its memory is freed");
    registry.failed(first, "m", "/a", "late");
    registry.forget(first, "m");
    assertEquals("/b", registry.status("m").orElseThrow().url());

    ServedModel model = ScriptedModels.create("m");
    registry.ready(second, model);
    assertEquals(Optional.of(model), ready("m"));
    registry.close();
  }

  @Test
  void aRemovedLoadEndsAtItsNextReport() {
    LoadProgress progress = registry.loading("m", "/a");
    progress.accept(new Progress.Step(Progress.Kind.OPENING));
    registry.remove("m");
    assertThrows(
        LoadCancelledException.class,
        () -> progress.accept(new Progress.Step(Progress.Kind.CHECKING)));
    assertEquals("opening", progress.current().phase());
  }

  @Test
  void aRegistryThatDrainsKeepsNamesAndTakesNoneMore() throws Exception {
    ServedModel model = ScriptedModels.create("m");
    registry.ready(model);
    LoadProgress loading = registry.loading("late", "/late");
    assertFalse(registry.allReady());
    registry.drain();
    assertTrue(model.scheduler().awaitClosed(Duration.ZERO), "the drain has waited");
    assertEquals(Optional.of(model), ready("m"), "who asks hears 503, not 404");
    assertFalse(registry.allReady());
    assertThrows(LoadCancelledException.class, loading::requireWanted);
    LoadCancelledException refused =
        assertThrows(LoadCancelledException.class, () -> registry.loading("more", "/more"));
    assertEquals(LoadCancelledException.Reason.STOPPING, refused.reason());
    assertEquals("model more cannot be loaded: the server is stopping", refused.getMessage());
  }

  /** Such a load has made its last report before the server stops. */
  @Test
  void aLoadThatEndsAfterTheDrainIsUnloaded() throws Exception {
    LoadProgress loading = registry.loading("m", "/m");
    registry.drain();
    ServedModel late = ScriptedModels.create("m");
    LoadCancelledException refused =
        assertThrows(LoadCancelledException.class, () -> registry.ready(loading, late));
    assertEquals(LoadCancelledException.Reason.STOPPING, refused.reason());
    registry.awaitUnloaded();
    assertTrue(late.scheduler().awaitClosed(Duration.ZERO), "its memory is freed");
    assertEquals(Optional.empty(), ready("m"));
  }

  @Test
  void aSecondDrainOnlyWaits() throws Exception {
    registry.ready(ScriptedModels.create("m"));
    registry.drain();
    registry.drain();
    assertTrue(registry.isStopping());
  }
}
