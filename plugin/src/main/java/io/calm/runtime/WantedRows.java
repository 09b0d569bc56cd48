package io.calm.runtime;

import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Logits;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The buffers of a decoder's logits, which every step uses again. Not thread safe. */
public final class WantedRows {
  private final int vocabulary;
  private final List<LogitRow> rows = new ArrayList<>();

  /** Creates buffers of {@code vocabulary} logits. */
  public WantedRows(int vocabulary) {
    this.vocabulary = vocabulary;
  }

  /** Returns the buffers of each chunk's tokens; empty where the logits are not wanted. */
  public List<List<Optional<LogitRow>>> of(List<Chunk> chunks) {
    List<List<Optional<LogitRow>>> all = new ArrayList<>(chunks.size());
    int next = 0;
    for (Chunk chunk : chunks) {
      List<Optional<LogitRow>> row = new ArrayList<>(chunk.tokens().length);
      for (int i = 0; i < chunk.tokens().length; i++) {
        row.add(i < chunk.firstWanted() ? Optional.empty() : Optional.of(row(next++)));
      }
      all.add(row);
    }
    return all;
  }

  /** Returns the results of a step whose buffers are filled. */
  public static List<List<Logits>> results(List<List<Optional<LogitRow>>> rows) {
    return rows.stream()
        .map(list -> list.stream().flatMap(Optional::stream).map(LogitRow::logits).toList())
        .toList();
  }

  private LogitRow row(int index) {
    if (index == rows.size()) {
      rows.add(new LogitRow(vocabulary));
    }
    return rows.get(index);
  }

  /** Gives the memory back. */
  public void clear() {
    rows.clear();
  }
}
