package io.calm.checkpoint.tokenizer.json;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.tokenizer.json.RegexNode.Assertion;
import io.calm.checkpoint.tokenizer.json.RegexNode.Atomic;
import io.calm.checkpoint.tokenizer.json.RegexNode.Chars;
import io.calm.checkpoint.tokenizer.json.RegexNode.Choice;
import io.calm.checkpoint.tokenizer.json.RegexNode.Concatenation;
import io.calm.checkpoint.tokenizer.json.RegexNode.Repeat;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * Rejects regular expressions that may take more than linear time to match at one position.
 *
 * <p>Oniguruma backtracks and gives up after ten million steps at one position; the library then
 * panics, so a text could abort the process. The check rejects:
 *
 * <ul>
 *   <li>loops with a body that can match in more than one way (exponential time), and two
 *       successive loops with common characters (polynomial time). Both are accepted if no later
 *       part can fail, because there is no backtracking without a failure.
 *   <li>loops in which an iteration may read far ahead without consuming what it reads (quadratic
 *       time): in a lookaround, or in a loop in front of a part that can fail and leave the rest to
 *       another alternative. The same for a lookaround that reads far behind a loop.
 *   <li>more than {@value #MAX_WAYS} alternatives outside loops, or {@value #MAX_LOOP_WAYS} in one.
 * </ul>
 *
 * <p>The rules err on the side of rejection.
 */
final class RegexCheck {
  private static final int MAX_WAYS = 4096;
  private static final int MAX_LOOP_WAYS = 32;

  private final String regex;
  private final String path;

  private RegexCheck(String regex, String path) {
    this.regex = regex;
    this.path = path;
  }

  /**
   * Validates an expression.
   *
   * @param path its location in the file
   * @return the parsed expression
   * @throws CheckpointException if it cannot be parsed, or may be slow
   */
  static RegexNode check(String regex, String path) {
    RegexNode node = RegexParser.parse(regex, path);
    RegexCheck check = new RegexCheck(regex, path);
    if (node.ways() > MAX_WAYS) {
      throw check.slow("at most " + MAX_WAYS + " ways to match one text");
    }
    check.check(node, false);
    return node;
  }

  private void check(RegexNode node, boolean canFailAfter) {
    if (node instanceof Concatenation sequence) {
      checkSequence(sequence.flat(), canFailAfter);
    } else if (node instanceof Choice choice) {
      choice.branches().forEach(branch -> check(branch, canFailAfter));
    } else if (node instanceof Repeat repeat) {
      checkRepeat(repeat, canFailAfter);
    } else if (node instanceof Atomic atomic) {
      check(atomic.body(), false);
    } else if (node instanceof Assertion assertion) {
      assertion.bodies().forEach(body -> check(body, false));
    }
  }

  private void checkSequence(List<RegexNode> parts, boolean canFailAfter) {
    boolean canFail = canFailAfter;
    for (int i = parts.size() - 1; i >= 0; i--) {
      RegexNode part = parts.get(i);
      check(part, canFail);
      if (part.looksFar() || (canFail && part.scans())) {
        checkLoopsBefore(parts, i);
      }
      canFail |= part.canFail();
    }
  }

  private void checkLoopsBefore(List<RegexNode> parts, int last) {
    BitSet read = parts.get(last).charactersRead();
    for (int first = last - 1; first >= 0; first--) {
      if (parts.get(first).isLong()
          && parts.get(first).characters().intersects(read)
          && !separated(parts, first, last)) {
        throw slow("no two loops over common characters in front of a part that can fail");
      }
    }
  }

  /** Returns whether a character between two loops fixes where the first one ends. */
  private static boolean separated(List<RegexNode> parts, int first, int last) {
    BitSet loop = parts.get(first).characters();
    for (int i = first + 1; i < last; i++) {
      RegexNode part = parts.get(i);
      RegexNode one = part instanceof Repeat repeat && repeat.min() > 0 ? repeat.body() : part;
      if (one instanceof Chars && !one.characters().intersects(loop)) {
        return true;
      }
    }
    return false;
  }

  private void checkRepeat(Repeat repeat, boolean canFailAfter) {
    boolean again = repeat.max() > 1;
    check(repeat.body(), canFailAfter || again);
    boolean tried = canFailAfter || repeat.min() > 1;
    boolean many = repeat.isLoop() || (again && repeat.body().isLong());
    if (many && tried && !isOneWay(repeat.body())) {
      throw slow("no loop over a part that matches in several ways, as in (a|a)* or (a+)+");
    }
    if (repeat.isLoop() && repeat.body().ways() > MAX_LOOP_WAYS) {
      throw slow("at most " + MAX_LOOP_WAYS + " alternatives in a loop");
    }
    if (repeat.isLoop() && readsInVain(repeat.body())) {
      throw slow("no loop over a part that reads far and may fail, as in (a.*b|a)+ or (a(?=.*b))+");
    }
  }

  /** Returns whether an iteration of a loop may read far and then consume little. */
  private static boolean readsInVain(RegexNode body) {
    // The failure of a plain sequence ends the loop, so only the last iteration is in vain.
    return body.looksFar() || (!isPlainSequence(body) && givesUp(body, false));
  }

  /** Returns whether a node consists of characters and loops over single characters, in a row. */
  private static boolean isPlainSequence(RegexNode node) {
    List<RegexNode> parts =
        node instanceof Concatenation sequence ? sequence.flat() : List.of(node);
    return parts.stream()
        .map(part -> part instanceof Atomic atomic ? atomic.body() : part)
        .map(part -> part instanceof Repeat repeat ? repeat.body() : part)
        .allMatch(part -> part instanceof Chars || part instanceof Assertion);
  }

  /** Returns whether a node contains a loop in front of a part of the node that can fail. */
  private static boolean givesUp(RegexNode node, boolean canFailAfter) {
    if (canFailAfter && node.scans()) {
      return true;
    }
    if (node instanceof Concatenation sequence) {
      boolean canFail = false;
      List<RegexNode> parts = sequence.flat();
      for (int i = parts.size() - 1; i >= 0; i--) {
        if (givesUp(parts.get(i), canFail)) {
          return true;
        }
        canFail |= parts.get(i).canFail();
      }
      return false;
    }
    boolean again = node instanceof Repeat repeat && repeat.min() > 1 && repeat.body().canFail();
    return node.children().stream().anyMatch(child -> givesUp(child, again));
  }

  /** Returns whether a loop over {@code body} splits any text in at most one way. */
  private static boolean isOneWay(RegexNode body) {
    if (body instanceof Atomic || isPlain(body)) {
      return true;
    }
    if (body instanceof Choice choice) {
      return choice.branches().stream().allMatch(RegexCheck::isPlain)
          && areDisjoint(choice.branches().stream().map(RegexCheck::first).toList());
    }
    List<RegexNode> parts =
        body instanceof Concatenation sequence ? sequence.flat() : List.of(body);
    List<BitSet> sets = new ArrayList<>();
    for (RegexNode part : parts) {
      RegexNode one = part instanceof Repeat repeat ? repeat.body() : part;
      if (!(one instanceof Chars)) {
        return false;
      }
      sets.add(one.characters());
    }
    // A part of fixed length in each iteration determines the number of iterations.
    return areDisjoint(sets) && parts.stream().anyMatch(RegexCheck::isPlain);
  }

  private static boolean isPlain(RegexNode node) {
    return node.fixed() && node.ways() == 1 && node.shortest() > 0 && !node.isLong();
  }

  private static BitSet first(RegexNode node) {
    if (node instanceof Concatenation sequence) {
      for (RegexNode part : sequence.flat()) {
        if (part.shortest() > 0) {
          return first(part);
        }
      }
    }
    return node instanceof Repeat repeat ? first(repeat.body()) : node.characters();
  }

  private static boolean areDisjoint(List<BitSet> sets) {
    BitSet seen = new BitSet();
    for (BitSet set : sets) {
      if (seen.intersects(set)) {
        return false;
      }
      seen.or(set);
    }
    return true;
  }

  private CheckpointException slow(String expected) {
    return new CheckpointException(
        "%s: expected a regular expression with %s, got %s; a text could stall the match and abort the process"
            .formatted(path, expected, JsonFault.quoted(regex)));
  }
}
