package io.calm.generate;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Policy;
import io.calm.runtime.Decoder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Full blocks by all tokens up to their end: a tree whose edges are the tokens of one block, so
 * that what is found is what was asked for, whatever its hash. Caffeine sees every use and says
 * which of the nodes that no sequence holds goes first; the hash that it counts by is chained over
 * the path, so a prefix that was thrown away is remembered as often used.
 *
 * <p>Who holds a node holds its ancestors. Hence the descendants of a node that nobody holds are
 * not held either, and are not wanted more often than itself: where Caffeine names a node with
 * children, one of its leaves goes.
 *
 * <p>Not thread safe. No clock and no thread takes part: the same calls give the same blocks.
 */
final class PrefixCache {
  private static final int TOKENS = Decoder.BLOCK_TOKENS;

  private final Node root = new Node(-1, 0, Optional.empty(), new Edge(new int[0]));
  private final Cache<Node, Node> nodes;
  private final Policy.Eviction<Node, Node> policy;
  private int idle;

  PrefixCache(int blocks) {
    this.nodes = Caffeine.newBuilder().maximumSize(blocks).executor(Runnable::run).build();
    this.policy = nodes.policy().eviction().orElseThrow();
  }

  /** A block in the tree. */
  static final class Node {
    private final int block;
    private final int hash;
    private final Optional<Node> parent;
    private final Edge edge;
    private final Map<Edge, Node> children = new HashMap<>(2);
    private boolean idle;

    private Node(int block, int hash, Optional<Node> parent, Edge edge) {
      this.block = block;
      this.hash = hash;
      this.parent = parent;
      this.edge = edge;
    }

    int block() {
      return block;
    }

    /** By the tokens of the path; nodes are equal where they are the same. */
    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    public boolean equals(Object other) {
      return this == other;
    }
  }

  /** The tokens of one block; comparable, so that equal hashes do not make a list of a map. */
  private static final class Edge implements Comparable<Edge> {
    private final int[] tokens;
    private final int hash;

    Edge(int[] tokens) {
      this.tokens = tokens;
      long mixed = 0x9E37_79B9_7F4A_7C15L;
      for (int token : tokens) {
        mixed = (mixed ^ token) * 0xBF58_476D_1CE4_E5B9L;
        mixed ^= mixed >>> 29;
      }
      this.hash = (int) (mixed ^ (mixed >>> 32));
    }

    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Edge edge && Arrays.equals(tokens, edge.tokens);
    }

    @Override
    public int compareTo(Edge other) {
      return Arrays.compare(tokens, other.tokens);
    }
  }

  Node root() {
    return root;
  }

  /** Returns the node after {@code parent} whose tokens begin at {@code from}. */
  Optional<Node> child(Node parent, int[] tokens, int from) {
    return Optional.ofNullable(parent.children.get(edge(tokens, from)));
  }

  /** Adds a block after {@code parent}, which is held; so is the new one. */
  Node add(Node parent, int[] tokens, int from, int block) {
    Edge edge = edge(tokens, from);
    Node node = new Node(block, 31 * parent.hash + edge.hash, Optional.of(parent), edge);
    parent.children.put(edge, node);
    nodes.put(node, node);
    return node;
  }

  private static Edge edge(int[] tokens, int from) {
    return new Edge(Arrays.copyOfRange(tokens, from, from + TOKENS));
  }

  /** Takes note that nobody holds the node any more. */
  void release(Node node) {
    node.idle = true;
    idle++;
  }

  /** Takes note that one more holds the node. */
  void hold(Node node) {
    if (nodes.getIfPresent(node) == null) { // and Caffeine counts the use
      throw new IllegalStateException("block %d is not in the cache".formatted(node.block));
    }
    idle -= node.idle ? 1 : 0;
    node.idle = false;
  }

  /** Returns how many blocks nobody holds. */
  int idle() {
    return idle;
  }

  /** Takes the block out that nobody holds and that is worth least; there must be one. */
  int evict() {
    Node node = policy.coldest(PrefixCache::firstIdle);
    while (!node.children.isEmpty()) {
      node = node.children.values().iterator().next();
    }
    nodes.invalidate(node);
    idle--;
    node.parent.orElseThrow().children.remove(node.edge);
    return node.block;
  }

  private static Node firstIdle(Stream<Policy.CacheEntry<Node, Node>> coldestFirst) {
    return coldestFirst
        .map(Policy.CacheEntry::getKey)
        .filter(node -> node.idle)
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("every block of the cache is held"));
  }
}
