package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.serving.model.LoadCancelledException;
import io.calm.serving.model.LoadProgress;
import io.calm.serving.model.ModelRegistry;
import java.lang.reflect.Proxy;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Models that are registered while DJL Serving is asked for its own. */
class RegistrySyncTest {
  private final ModelRegistry ours = new ModelRegistry();

  private void look(Supplier<Set<String>> names) {
    DjlServer server =
        (DjlServer)
            Proxy.newProxyInstance(
                DjlServer.class.getClassLoader(),
                new Class<?>[] {DjlServer.class},
                (proxy, method, arguments) -> {
                  assertEquals("names", method.getName());
                  return names.get();
                });
    new RegistrySync(ours, server, new JobQueues(server)).look();
  }

  @Test
  void aModelThatDjlServingHasNoLongerIsRemoved() {
    LoadProgress old = ours.loading("old", "file:/old");
    ours.loading("kept", "file:/kept");
    look(() -> Set.of("kept"));
    assertEquals(Set.of("kept"), ours.all().keySet());
    assertThrows(LoadCancelledException.class, old::requireWanted);
  }

  @Test
  void aLoadThatBeginsMeanwhileContinues() {
    look(
        () -> {
          ours.loading("later", "file:/later");
          return Set.of();
        });
    assertEquals(Set.of("later"), ours.all().keySet());
  }

  @Test
  void aNameThatIsRegisteredAgainMeanwhileKeepsItsLoad() {
    ours.loading("again", "file:/before");
    AtomicReference<LoadProgress> load = new AtomicReference<>(new LoadProgress());
    look(
        () -> {
          ours.remove("again");
          load.set(ours.loading("again", "file:/now"));
          return Set.of();
        });
    assertEquals(Set.of("again"), ours.all().keySet());
    assertDoesNotThrow(load.get()::requireWanted);
  }
}
