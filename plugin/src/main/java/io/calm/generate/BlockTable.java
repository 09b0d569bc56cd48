package io.calm.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The block table of one sequence: the ids of its KV blocks. Only {@link BlockManager} changes it.
 */
final class BlockTable {
  private int[] ids = new int[8];
  private int size;

  /** The nodes of the leading blocks that are in the prefix cache. */
  private final List<PrefixCache.Node> nodes = new ArrayList<>();

  int size() {
    return size;
  }

  int id(int index) {
    return ids[index];
  }

  /** Returns a copy of the first {@code count} ids. */
  int[] first(int count) {
    return Arrays.copyOf(ids, count);
  }

  List<PrefixCache.Node> nodes() {
    return nodes;
  }

  void add(int id) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
    }
    ids[size++] = id;
  }

  void set(int index, int id) {
    ids[index] = id;
  }

  /** Removes all but the first {@code count} blocks. */
  void truncate(int count) {
    size = Math.min(size, count);
    if (nodes.size() > size) {
      nodes.subList(size, nodes.size()).clear();
    }
  }
}
