package io.calm.serving.djl;

import ai.djl.inference.streaming.PublisherBytesSupplier;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A stream that can be written before it is read. {@link #appendContent} buffers content until the
 * subscription; the superclass would wait instead. So the generation loop never blocks on DJL
 * Serving's response threads. Thread safe; bytes arrive in order.
 */
final class BufferedPublisher extends PublisherBytesSupplier {
  private final Queue<byte[]> early = new ArrayDeque<>();
  private final CompletableFuture<Void> done = new CompletableFuture<>();
  private @Nullable Consumer<byte @Nullable []> subscriber;
  private boolean last;

  @Override
  public synchronized void appendContent(byte[] data, boolean lastChunk) {
    if (last) {
      throw new IllegalStateException("content after the last chunk");
    }
    early.add(data);
    last = lastChunk;
    drain();
  }

  @Override
  public synchronized CompletableFuture<Void> subscribe(Consumer<byte @Nullable []> consumer) {
    if (subscriber != null) {
      throw new IllegalStateException("a stream can have only one subscriber");
    }
    subscriber = consumer;
    drain();
    return done;
  }

  private void drain() {
    Consumer<byte @Nullable []> to = subscriber;
    if (to == null) {
      return;
    }
    for (byte[] data = early.poll(); data != null; data = early.poll()) {
      to.accept(data);
    }
    if (last && !done.isDone()) {
      to.accept(null);
      done.complete(null);
    }
  }
}
