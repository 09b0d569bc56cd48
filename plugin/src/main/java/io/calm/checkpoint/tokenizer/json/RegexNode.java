package io.calm.checkpoint.tokenizer.json;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/** A parsed regular expression, reduced to what determines its cost. */
sealed interface RegexNode {

  /** Minimum number of repetitions that counts as unlimited. */
  int MANY = 16;

  /** Cap for numbers of ways, above any limit. */
  int TOO_MANY_WAYS = 1 << 20;

  /** Returns the number of characters of the shortest match. */
  int shortest();

  /** Returns whether every match has the same number of characters. */
  boolean fixed();

  /** Returns the number of ways in which a backtracking matcher can match this; a loop is one. */
  default int ways() {
    return 1;
  }

  /** Returns whether this may fail to match. */
  boolean canFail();

  /** Returns whether this contains a loop with many possible ends. */
  default boolean isLong() {
    return children().stream().anyMatch(RegexNode::isLong);
  }

  /** Returns the characters in its matches, as indices of a {@link CharacterSample}. */
  default BitSet characters() {
    BitSet union = new BitSet();
    children().forEach(child -> union.or(child.characters()));
    return union;
  }

  /** Returns the parts, branches or body. */
  default List<RegexNode> children() {
    return List.of();
  }

  /**
   * Returns whether this contains a loop that may backtrack many times, also in a lookaround or an
   * atomic group.
   */
  default boolean scans() {
    return isLong() || children().stream().anyMatch(RegexNode::scans);
  }

  /** Returns whether this contains a lookaround that scans. */
  default boolean looksFar() {
    return children().stream()
        .anyMatch(it -> it.looksFar() || (this instanceof Assertion && it.scans()));
  }

  /** Returns {@link #characters} and those that lookarounds read. */
  default BitSet charactersRead() {
    BitSet read = new BitSet();
    read.or(characters());
    children().forEach(child -> read.or(child.charactersRead()));
    return read;
  }

  private static int capped(long number) {
    return (int) Math.min(number, TOO_MANY_WAYS);
  }

  /** A single character of a set. */
  record Chars(CharacterSet set) implements RegexNode {
    @Override
    public int shortest() {
      return 1;
    }

    @Override
    public boolean fixed() {
      return true;
    }

    @Override
    public boolean canFail() {
      return true;
    }

    @Override
    public BitSet characters() {
      return set.sample();
    }
  }

  /** An anchor, or a lookaround, which is not re-entered in backtracking. */
  record Assertion(List<RegexNode> bodies) implements RegexNode {
    @Override
    public int shortest() {
      return 0;
    }

    @Override
    public boolean fixed() {
      return true;
    }

    @Override
    public boolean canFail() {
      return true;
    }

    @Override
    public boolean isLong() {
      return false;
    }

    @Override
    public BitSet characters() {
      return new BitSet();
    }

    @Override
    public List<RegexNode> children() {
      return bodies;
    }
  }

  /** A concatenation. */
  record Concatenation(List<RegexNode> parts) implements RegexNode {

    /** Returns the parts, with nested sequences replaced by their parts. */
    List<RegexNode> flat() {
      List<RegexNode> flat = new ArrayList<>();
      for (RegexNode part : parts) {
        if (part instanceof Concatenation inner) {
          flat.addAll(inner.flat());
        } else {
          flat.add(part);
        }
      }
      return flat;
    }

    @Override
    public int shortest() {
      return capped(parts.stream().mapToLong(RegexNode::shortest).sum());
    }

    @Override
    public boolean fixed() {
      return parts.stream().allMatch(RegexNode::fixed);
    }

    @Override
    public int ways() {
      int ways = 1;
      for (RegexNode part : parts) {
        ways = capped((long) ways * part.ways());
      }
      return ways;
    }

    @Override
    public boolean canFail() {
      return parts.stream().anyMatch(RegexNode::canFail);
    }

    @Override
    public List<RegexNode> children() {
      return parts;
    }
  }

  /** A choice of two or more branches. */
  record Choice(List<RegexNode> branches) implements RegexNode {
    @Override
    public int shortest() {
      return branches.stream().mapToInt(RegexNode::shortest).min().orElse(0);
    }

    @Override
    public boolean fixed() {
      int length = branches.get(0).shortest();
      return branches.stream().allMatch(it -> it.fixed() && it.shortest() == length);
    }

    @Override
    public int ways() {
      return capped(branches.stream().mapToLong(RegexNode::ways).sum());
    }

    @Override
    public boolean canFail() {
      return branches.stream().allMatch(RegexNode::canFail);
    }

    @Override
    public List<RegexNode> children() {
      return branches;
    }
  }

  /**
   * A repetition.
   *
   * @param max maximum number of repetitions; {@link Integer#MAX_VALUE} if unlimited
   */
  record Repeat(RegexNode body, int min, int max) implements RegexNode {

    /** Returns whether this is a loop rather than a small number of copies. */
    boolean isLoop() {
      return max >= MANY;
    }

    @Override
    public int shortest() {
      return capped((long) body.shortest() * min);
    }

    @Override
    public boolean fixed() {
      return min == max && body.fixed();
    }

    @Override
    public int ways() {
      if (isLoop()) {
        return min == max ? body.ways() : Math.max(1, body.ways());
      }
      int ways = 1;
      for (int i = 0; i < max; i++) {
        ways = capped((long) ways * body.ways());
      }
      return capped((long) ways * (max - min + 1));
    }

    @Override
    public boolean canFail() {
      return min > 0 && body.canFail();
    }

    @Override
    public boolean isLong() {
      return body.isLong() || (isLoop() && min != max);
    }

    @Override
    public boolean scans() {
      return isLong() || (isLoop() && body.ways() > 1) || body.scans();
    }

    @Override
    public List<RegexNode> children() {
      return List.of(body);
    }
  }

  /** An atomic group, which is not re-entered in backtracking. */
  record Atomic(RegexNode body) implements RegexNode {
    @Override
    public int shortest() {
      return body.shortest();
    }

    @Override
    public boolean fixed() {
      return body.fixed();
    }

    @Override
    public boolean canFail() {
      return body.canFail();
    }

    @Override
    public boolean isLong() {
      return false;
    }

    @Override
    public List<RegexNode> children() {
      return List.of(body);
    }
  }
}
