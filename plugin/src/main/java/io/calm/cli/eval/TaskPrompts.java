package io.calm.cli.eval;

import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.cli.eval.ScoredPrompt.Branch;
import io.calm.cli.eval.Task.Choice;
import io.calm.cli.eval.Task.Question;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * The tokens of a task, made as lm-evaluation-harness does: context and continuation are tokenized
 * together, and the tokens after those of the context alone are scored. Spaces at the end of a
 * context belong to the continuation. Nothing is put around the text; only an empty context is
 * replaced by the token that the tokenizer puts before a text, or else the model's BOS, or else an
 * EOS. A question that is longer than the model's context loses tokens at its start.
 *
 * <p>The choices of a question share its context, which is computed once.
 */
public final class TaskPrompts {
  private final Tokenizer tokenizer;
  private final GenerationDefaults defaults;
  private final int maxContext;
  private final List<ScoredPrompt> prompts = new ArrayList<>();
  private final List<List<Place>> places = new ArrayList<>(); // [questions][choices]

  /** The prompt and branch of a choice. */
  record Place(int prompt, int branch) {}

  private TaskPrompts(Tokenizer tokenizer, GenerationDefaults defaults, int maxContext) {
    this.tokenizer = tokenizer;
    this.defaults = defaults;
    this.maxContext = maxContext;
  }

  /**
   * Tokenizes a task.
   *
   * @param defaults the model's, with its BOS and EOS
   * @throws IllegalArgumentException if a continuation has no token or is longer than the context,
   *     or a context is empty and the model has no token for it
   */
  static TaskPrompts of(
      Task task, Tokenizer tokenizer, GenerationDefaults defaults, int maxContext) {
    TaskPrompts result = new TaskPrompts(tokenizer, defaults, maxContext);
    task.questions().forEach(result::add);
    return result;
  }

  List<ScoredPrompt> prompts() {
    return prompts;
  }

  /** Returns the scores [questions][choices] from those of the prompts. */
  List<List<BranchScore>> byQuestion(List<List<BranchScore>> scores) {
    return places.stream()
        .map(
            choices ->
                choices.stream()
                    .map(place -> scores.get(place.prompt()).get(place.branch()))
                    .toList())
        .toList();
  }

  private void add(Question question) {
    String context = question.context().stripTrailing();
    String spaces = question.context().substring(context.length());
    int[] contextIds = contextIds(question, context);
    List<Place> choices = new ArrayList<>();
    List<Branch> branches = new ArrayList<>();
    int[] shared = {};
    for (Choice choice : question.choices()) {
      int[] continuation = continuation(question, context, spaces + choice.text(), contextIds);
      int room = maxContext + 1 - continuation.length;
      int[] own =
          Arrays.copyOfRange(contextIds, Math.max(0, contextIds.length - room), contextIds.length);
      if (!branches.isEmpty() && own.length != shared.length) {
        prompts.add(new ScoredPrompt(prefix(shared), branches));
        branches.clear();
      }
      shared = own;
      int[] inputs = new int[continuation.length];
      inputs[0] = own[own.length - 1];
      System.arraycopy(continuation, 0, inputs, 1, inputs.length - 1);
      choices.add(new Place(prompts.size(), branches.size()));
      branches.add(new Branch(inputs, continuation));
    }
    prompts.add(new ScoredPrompt(prefix(shared), branches));
    places.add(choices);
  }

  private static int[] prefix(int[] context) {
    return Arrays.copyOf(context, context.length - 1);
  }

  private int[] contextIds(Question question, String context) {
    int[] ids = context.isEmpty() ? start() : tokenizer.encode(context, false);
    if (ids.length == 0) {
      throw new IllegalArgumentException(
          "%s: expected a context with text, got none, and the model has no token that starts a text;"
                  .formatted(question.place())
              + " give the question a context");
    }
    return ids;
  }

  /** Returns the token that replaces an empty context; none if the model has no such token. */
  private int[] start() {
    return Stream.of(
            Arrays.stream(tokenizer.encode("", true)),
            defaults.bos().stream(),
            defaults.endOfSequence().stream().mapToInt(Integer::intValue).sorted(),
            defaults.endTokens().stream().flatMapToInt(token -> tokenizer.id(token).stream()))
        .flatMapToInt(ids -> ids)
        .limit(1)
        .toArray();
  }

  private int[] continuation(Question question, String context, String text, int[] contextIds) {
    int[] whole = tokenizer.encode(context + text, false);
    int from = context.isEmpty() ? 0 : contextIds.length;
    if (whole.length <= from || whole.length - from > maxContext) {
      throw new IllegalArgumentException(
          "%s: expected continuations of 1 to %d tokens, the model's context, got %d; remove the"
                  .formatted(question.place(), maxContext, Math.max(0, whole.length - from))
              + " question");
    }
    return Arrays.copyOfRange(whole, from, whole.length);
  }
}
