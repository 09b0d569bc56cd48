package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Messages of work that ran out of memory; {@link OtherWriterTest} has the waits. */
class ArtifactMakingTest {

  @ParameterizedTest
  @CsvSource({
    "Cannot reserve 9 bytes of direct buffer memory (limit: 1), -XX:MaxDirectMemorySize=8g",
    "Java heap space, a larger -Xmx",
    "GC overhead limit exceeded, a larger -Xmx",
    "Requested array size exceeds VM limit, a larger -Xmx",
    "unable to create native thread: possibly out of memory, raise the limits of the process",
    "Map failed, raise the limits of the process",
  })
  void memoryThatIsMissingIsNamedWithItsRemedy(String failure, String remedy) {
    String message = ArtifactMaking.outOfMemory(new OutOfMemoryError(failure));
    assertTrue(message.contains("(" + failure + "); "), message);
    assertTrue(message.contains(remedy), message);
  }
}
