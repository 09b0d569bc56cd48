package io.calm.generate;

import io.calm.runtime.Decoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Accounts for a decoder's blocks by their ids: who holds which, how many hold one together, and
 * which full ones are kept for prompts that begin with the same tokens. Knows no tensors.
 *
 * <p>A block is free, held by tables, or kept by the cache alone. A block that is not full is held
 * by one table. Tables whose tokens are the same share their full blocks, also where both computed
 * them: the decoder gives the same bits for the same tokens. Not thread safe.
 */
final class BlockManager {
  private static final int TOKENS = Decoder.BLOCK_TOKENS;

  private final int[] holders; // by id
  private final int[] free;
  private int freeCount;

  /** How many of the free blocks, from the first on, have no memory, so that none is taken. */
  private int barren;

  private final PrefixCache cache;
  private long changes;

  /**
   * A beginning that is in the cache.
   *
   * @param blocks that it has
   * @param idle of these, held by nobody
   */
  record Prefix(int blocks, int idle) {
    static final Prefix NONE = new Prefix(0, 0);
  }

  BlockManager(int blocks) {
    holders = new int[blocks];
    free = new int[blocks];
    for (int id = blocks - 1; id >= 0; id--) {
      free[freeCount++] = id;
    }
    cache = new PrefixCache(blocks);
  }

  int blocks() {
    return holders.length;
  }

  /** Returns how many blocks a table could still take. */
  int available() {
    return freeCount - barren + cache.idle();
  }

  /** Returns how many blocks are held by tables. */
  int used() {
    return holders.length - freeCount - cache.idle();
  }

  /** Returns how many blocks the cache alone keeps. */
  int cached() {
    return cache.idle();
  }

  /** Returns a number that is another one after every change of what tables hold or is cached. */
  long changes() {
    return changes;
  }

  /** Returns what {@link #share} would find; the cache does not count it as a use. */
  Prefix prefix(int[] tokens, int length) {
    List<PrefixCache.Node> nodes = longestPrefix(tokens, length);
    int idle = (int) nodes.stream().filter(node -> holders[node.block()] == 0).count();
    return new Prefix(nodes.size(), idle);
  }

  private List<PrefixCache.Node> longestPrefix(int[] tokens, int length) {
    List<PrefixCache.Node> nodes = new ArrayList<>();
    Optional<PrefixCache.Node> next = Optional.of(cache.root());
    for (int from = 0; from + TOKENS < length; from += TOKENS) {
      next = cache.child(next.get(), tokens, from);
      if (next.isEmpty()) {
        break;
      }
      nodes.add(next.get());
    }
    return nodes;
  }

  /**
   * Lets an empty table begin with the longest prefix that is in the cache: full blocks, and never
   * the last token, whose logits have to be computed.
   *
   * @return the tokens that the table then holds
   */
  int share(BlockTable table, int[] tokens, int length) {
    for (PrefixCache.Node node : longestPrefix(tokens, length)) {
      hold(node);
      table.add(node.block());
      table.nodes().add(node);
    }
    return table.size() * TOKENS;
  }

  /**
   * Makes room for the first {@code tokens} tokens. A table to which no other could give way takes
   * blocks without memory too, where there are no others: there may be memory again.
   *
   * @return false if there are not enough blocks; nothing was taken then
   */
  boolean reserve(BlockTable table, int tokens) {
    int missing = Decoder.blocksFor(tokens) - table.size();
    if (missing > (holdsAll(table) ? holders.length - used() : available())) {
      return false;
    }
    for (int i = 0; i < missing; i++) {
      int id = freeCount > barren || cache.idle() == 0 ? takeFree() : cache.evict();
      holders[id] = 1;
      table.add(id);
      changes++;
    }
    return true;
  }

  private boolean holdsAll(BlockTable table) {
    return used() == table.size();
  }

  /** Returns whether a table cannot have room for so many tokens, whoever gives way to it. */
  boolean exceedsMemory(BlockTable table, int tokens) {
    return holdsAll(table) && Decoder.blocksFor(tokens) - table.size() > available();
  }

  /**
   * Makes the table's full blocks known to those who begin with the same tokens.
   *
   * @param length of the tokens whose keys and values a step has stored
   */
  void publish(BlockTable table, int[] tokens, int length) {
    List<PrefixCache.Node> nodes = table.nodes();
    for (int i = nodes.size(); (i + 1) * TOKENS <= length; i++) {
      PrefixCache.Node parent = i == 0 ? cache.root() : nodes.get(i - 1);
      int own = table.id(i);
      Optional<PrefixCache.Node> twin = cache.child(parent, tokens, i * TOKENS);
      if (twin.isPresent()) {
        hold(twin.get());
        table.set(i, twin.get().block());
        holders[own] = 0;
        free[freeCount++] = own;
        nodes.add(twin.get());
      } else {
        nodes.add(cache.add(parent, tokens, i * TOKENS, own));
        changes++;
      }
    }
  }

  /** Empties a table; what it published stays in the cache, the beginning of it the longest. */
  void release(BlockTable table) {
    release(table, 0);
  }

  /** Takes from a table what it has beyond the first {@code tokens} tokens, none published. */
  void release(BlockTable table, int tokens) {
    int kept = Decoder.blocksFor(tokens);
    for (int i = table.size() - 1; i >= kept; i--) {
      int id = table.id(i);
      changes++;
      if (--holders[id] == 0) {
        if (i < table.nodes().size()) {
          cache.release(table.nodes().get(i));
        } else {
          free[freeCount++] = id;
        }
      }
    }
    table.truncate(kept);
  }

  private int takeFree() {
    int id = free[--freeCount];
    barren = Math.min(barren, freeCount);
    return id;
  }

  /**
   * Takes note of all blocks that have no memory, which no table holds: they are left alone, as if
   * the budget were smaller.
   */
  void withoutMemory(Set<Integer> ids) {
    int[] usable = Arrays.stream(free, 0, freeCount).filter(id -> !ids.contains(id)).toArray();
    int[] others = Arrays.stream(free, 0, freeCount).filter(ids::contains).toArray();
    barren = others.length;
    System.arraycopy(others, 0, free, 0, barren);
    System.arraycopy(usable, 0, free, barren, usable.length);
    changes++;
  }

  /** Forgets what had no memory: it is taken again, after all other free blocks. */
  void retryMemory() {
    changes += barren > 0 ? 1 : 0;
    barren = 0;
  }

  private void hold(PrefixCache.Node node) {
    holders[node.block()]++;
    changes++;
    cache.hold(node);
  }
}
