package io.calm.checkpoint.tokenizer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Derives ranked merges from the scores of a SentencePiece BPE vocabulary, as transformers'
 * conversion of LLaMA does. Every split of a piece into two pieces is a merge. Merges are ranked by
 * the score of the piece, then by the length of the left part, then by that of the right part,
 * higher values first. Only normal pieces are used, because plain text never yields control, unused
 * or byte tokens by merges.
 */
final class SentencePieceMerges {
  private SentencePieceMerges() {}

  static List<Merge> derive(GgufVocabulary vocabulary, Map<String, Integer> ids) {
    double[] scores = vocabulary.scores();
    List<Ranked> ranked = new ArrayList<>();
    for (int id = 0; id < vocabulary.size(); id++) {
      if (isNormal(vocabulary, ids, vocabulary.token(id), id)) {
        addSplits(vocabulary, ids, id, scores[id], ranked);
      }
    }
    ranked.sort(
        Comparator.comparingDouble(Ranked::score)
            .thenComparingInt(Ranked::leftLength)
            .thenComparingInt(Ranked::rightLength)
            .reversed());
    return ranked.stream().map(Ranked::merge).toList();
  }

  private static void addSplits(
      GgufVocabulary vocabulary,
      Map<String, Integer> ids,
      int id,
      double score,
      List<Ranked> ranked) {
    String piece = vocabulary.token(id);
    int length = piece.codePointCount(0, piece.length());
    int at = 0;
    for (int left = 1; left < length; left++) {
      at = piece.offsetByCodePoints(at, 1);
      String head = piece.substring(0, at);
      String tail = piece.substring(at);
      Integer headId = ids.get(head);
      Integer tailId = ids.get(tail);
      if (headId != null
          && tailId != null
          && isNormal(vocabulary, ids, head, headId)
          && isNormal(vocabulary, ids, tail, tailId)) {
        ranked.add(new Ranked(new Merge(head, tail), score, left, length - left));
      }
    }
  }

  private static boolean isNormal(
      GgufVocabulary vocabulary, Map<String, Integer> ids, String piece, int id) {
    return vocabulary.type(id) == GgufVocabulary.NORMAL
        && Integer.valueOf(id).equals(ids.get(piece));
  }

  private record Ranked(Merge merge, double score, int leftLength, int rightLength) {}
}
