package io.calm.runtime;

import java.nio.LongBuffer;
import java.util.List;

/** The keys and values of one sequence of a {@link PagedDecoder}. */
final class KvSequence implements Decoder.Sequence {
  private final KvStorage storage;
  private final int capacity;
  private List<KvPage> pages;
  private int length;
  private State state = State.OPEN;

  /** What may be done with a sequence. */
  enum State {
    OPEN,
    FAILED,
    CLOSED
  }

  KvSequence(KvStorage storage, int capacity) {
    this.storage = storage;
    this.capacity = capacity;
    this.pages = storage.acquire(capacity);
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public int capacity() {
    return capacity;
  }

  KvStorage storage() {
    return storage;
  }

  State state() {
    return state;
  }

  /** Returns the page of {@code position}. */
  KvPage page(int position) {
    return pages.get(position / KvStorage.PAGE);
  }

  int pageCount() {
    return pages.size();
  }

  /** Writes the addresses of the pages. */
  void putPages(LongBuffer target) {
    for (KvPage page : pages) {
      target.put(page.address());
    }
  }

  /** Makes the next {@code tokens} positions part of the sequence. */
  void append(int tokens) {
    length += tokens;
  }

  void fail() {
    state = State.FAILED;
  }

  @Override
  public void close() {
    if (state != State.CLOSED) {
      state = State.CLOSED;
      storage.release(pages);
      pages = List.of();
    }
  }
}
