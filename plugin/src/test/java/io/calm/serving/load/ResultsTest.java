package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.serving.reply.ApiException;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ResultsTest {
  static Stream<Throwable> failures() {
    return Stream.of(new OutOfMemoryError("Java heap space"), new IllegalArgumentException("bad"));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void whatATaskThrowsIsThrown(Throwable failure) {
    Throwable thrown =
        assertThrows(
            failure.getClass(), () -> Results.await(CompletableFuture.failedFuture(failure)));
    assertSame(failure, thrown);
  }

  @Test
  void lackOfMemoryInAnotherThreadIsLackOfMemory() {
    Throwable thrown =
        assertThrows(
            Throwable.class,
            () -> Results.await(CompletableFuture.failedFuture(new OutOfMemoryError("heap"))));
    assertEquals(ApiException.Kind.NOT_ENOUGH_MEMORY, LoadErrors.of(thrown).kind());
  }

  @Test
  void theResultOfATaskIsReturned() throws InterruptedException {
    assertEquals("done", Results.await(CompletableFuture.completedFuture("done")));
  }
}
