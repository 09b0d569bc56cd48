package io.calm.compare;

import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import io.calm.testing.ScriptedDecoder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToLongFunction;

/** A decoder whose steps take a known time on a clock that only they advance. */
final class TimedDecoder implements Decoder {
  private static final int MAX_CONTEXT = 512;

  private final AtomicLong clock;
  private final ToLongFunction<List<Chunk>> cost;
  private final int blocks;
  final List<List<Chunk>> steps = new ArrayList<>();
  boolean closed;

  TimedDecoder(AtomicLong clock, int blocks, ToLongFunction<List<Chunk>> cost) {
    this.clock = clock;
    this.blocks = blocks;
    this.cost = cost;
  }

  @Override
  public ModelSpec spec() {
    return new ScriptedDecoder(MAX_CONTEXT).spec();
  }

  @Override
  public int blocks() {
    return blocks;
  }

  @Override
  public List<List<Logits>> step(List<Chunk> chunks) {
    steps.add(List.copyOf(chunks));
    clock.addAndGet(cost.applyAsLong(chunks));
    return List.of();
  }

  @Override
  public void close() {
    closed = true;
  }
}
