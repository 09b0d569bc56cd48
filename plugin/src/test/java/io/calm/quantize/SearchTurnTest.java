package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.serving.model.LoadCancelledException;
import io.calm.serving.model.LoadProgress;
import io.calm.serving.model.ModelRegistry;
import io.calm.testing.Poll;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // a turn is held, not used
class SearchTurnTest {

  private static CompletableFuture<SearchTurn> take(LoadProgress progress) {
    return CompletableFuture.supplyAsync(() -> SearchTurn.take(progress));
  }

  private static void awaitPhase(LoadProgress progress) throws Exception {
    String waiting = "waiting for another model's search";
    Poll.until(waiting, () -> progress.current().phase().equals(waiting));
  }

  @Test
  void oneSearchWaitsForAnotherAndSaysSo() throws Exception {
    ModelRegistry registry = new ModelRegistry();
    CompletableFuture<SearchTurn> second;
    try (SearchTurn first = SearchTurn.take(registry.loading("a", "/a"))) {
      LoadProgress progress = registry.loading("b", "/b");
      second = take(progress);
      awaitPhase(progress);
      assertFalse(second.isDone());
    }
    second.get().close();
  }

  @Test
  void searchesRunInTheOrderOfTheirRequests() throws Exception {
    ModelRegistry registry = new ModelRegistry();
    List<String> order = Collections.synchronizedList(new ArrayList<>());
    List<CompletableFuture<Void>> waiting = new ArrayList<>();
    try (SearchTurn first = SearchTurn.take(registry.loading("a", "/a"))) {
      LoadProgress progress = registry.loading("b", "/b");
      waiting.add(record("b", progress, order));
      awaitPhase(progress);
      Thread.sleep(250);
      waiting.add(record("c", registry.loading("c", "/c"), order));
      Thread.sleep(350); // the first has now waited for two intervals, the second for less than one
    }
    waiting.forEach(CompletableFuture::join);
    assertEquals(List.of("b", "c"), order);
  }

  private static CompletableFuture<Void> record(
      String name, LoadProgress progress, List<String> order) {
    return CompletableFuture.runAsync(
        () -> {
          try (SearchTurn turn = SearchTurn.take(progress)) {
            order.add(name);
          }
        });
  }

  @Test
  void aSearchThatIsNotWantedAnyMoreDoesNotWaitForItsTurn() throws Exception {
    ModelRegistry registry = new ModelRegistry();
    try (SearchTurn first = SearchTurn.take(registry.loading("a", "/a"))) {
      LoadProgress progress = registry.loading("b", "/b");
      CompletableFuture<SearchTurn> second = take(progress);
      awaitPhase(progress);
      registry.remove("b");
      CompletionException ended = assertThrows(CompletionException.class, second::join);
      assertTrue(ended.getCause() instanceof LoadCancelledException, ended.toString());
    }
    SearchTurn.take(registry.loading("c", "/c")).close();
  }
}
