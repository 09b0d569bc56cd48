package io.calm.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.runtime.Decoder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Runs of a probe over several openings. */
class ProbeRunTest {
  private static final int OPENINGS = 6;

  @Test
  void noOpeningRepeatsTheOrderOfAnother() {
    List<StringBuilder> sequences = new ArrayList<>();
    FakeTwin twin =
        new FakeTwin() {
          @Override
          PairedDecoders open(List<StepShape> shapes, boolean uniformFirst) {
            StringBuilder order = new StringBuilder();
            sequences.add(order);
            int blocks = StepShape.blocks(shapes);
            Decoder served = new TimedDecoder(clock, blocks, chunks -> order.append('A').length());
            Decoder uniform = new TimedDecoder(clock, blocks, chunks -> order.append('B').length());
            return new Opened(served, uniform);
          }
        };
    new ProbeRun(
            new Openings(OPENINGS, OPENINGS, -1), PairedSteps.Limits.exactly(30), twin.clock::get)
        .measure(twin::read, () -> false, rows -> {});
    assertEquals(OPENINGS, sequences.size());
    assertEquals(OPENINGS, sequences.stream().map(StringBuilder::toString).distinct().count());
  }

  /** Decoders that need no closing. */
  private record Opened(Decoder served, Decoder uniform) implements TwinSource.PairedDecoders {
    @Override
    public void close() {}
  }
}
