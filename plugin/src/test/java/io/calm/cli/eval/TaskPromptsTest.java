package io.calm.cli.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.cli.eval.Task.Choice;
import io.calm.cli.eval.Task.Kind;
import io.calm.cli.eval.Task.Question;
import io.calm.testing.ByteTokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Tokens of questions; a token is a byte. */
class TaskPromptsTest {
  private static final ByteTokenizer TOKENIZER = new ByteTokenizer();
  private static final GenerationDefaults NO_TOKENS = defaults(OptionalInt.empty());

  private static Task task(String context, String... choices) {
    List<Choice> list = Arrays.stream(choices).map(c -> new Choice(c, c.length() - 1)).toList();
    return new Task(
        "t", Kind.MULTIPLE_CHOICE, List.of(new Question("a.jsonl, line 3", context, list, 0)));
  }

  private static TaskPrompts prompts(int context, Task task) {
    return TaskPrompts.of(task, TOKENIZER, NO_TOKENS, context);
  }

  private static GenerationDefaults defaults(OptionalInt bos, Integer... ends) {
    return new GenerationDefaults(
        bos,
        Set.of(ends),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalInt.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty());
  }

  private static int[] ids(String text) {
    return TOKENIZER.encode(text, false);
  }

  @Test
  void choicesShareTheirContext() {
    List<ScoredPrompt> prompts = prompts(100, task("abc", " d", " efg")).prompts();
    assertEquals(1, prompts.size());
    assertArrayEquals(ids("ab"), prompts.get(0).prefix());
    ScoredPrompt.Branch first = prompts.get(0).branches().get(0);
    assertArrayEquals(ids("c "), first.inputs());
    assertArrayEquals(ids(" d"), first.targets());
    ScoredPrompt.Branch second = prompts.get(0).branches().get(1);
    assertArrayEquals(ids("c ef"), second.inputs());
    assertArrayEquals(ids(" efg"), second.targets());
  }

  @Test
  void spacesAtTheEndOfAContextBelongToTheContinuation() {
    ScoredPrompt prompt = prompts(100, task("ab \n", "c", "d")).prompts().get(0);
    assertArrayEquals(ids("a"), prompt.prefix());
    assertArrayEquals(ids(" \nc"), prompt.branches().get(0).targets());
  }

  @Test
  void anEmptyContextIsTheFirstSpecialToken() {
    ScoredPrompt prompt = prompts(100, task("", "cd", "e")).prompts().get(0);
    assertEquals(0, prompt.prefix().length);
    assertArrayEquals(new int[] {ByteTokenizer.BEGIN, 'c'}, prompt.branches().get(0).inputs());
    assertArrayEquals(ids("cd"), prompt.branches().get(0).targets());
  }

  @Test
  void theModelsTokensReplaceAnEmptyContextIfTheTokenizerAddsNone() {
    Tokenizer plain =
        new ByteTokenizer() {
          @Override
          public int[] encode(String text, boolean addSpecial) {
            return super.encode(text, false);
          }
        };
    Task task = task("", "cd", "e");
    assertEquals(7, first(TaskPrompts.of(task, plain, defaults(OptionalInt.of(7), 9), 100)));
    assertEquals(8, first(TaskPrompts.of(task, plain, defaults(OptionalInt.empty(), 9, 8), 100)));
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> TaskPrompts.of(task, plain, NO_TOKENS, 100));
    assertTrue(
        e.getMessage().startsWith("a.jsonl, line 3: expected a context with text"), e.getMessage());
  }

  private static int first(TaskPrompts prompts) {
    return prompts.prompts().get(0).branches().get(0).inputs()[0];
  }

  @Test
  void aLongContextLosesItsStart() {
    TaskPrompts prompts = prompts(8, task("0123456789", " a", " bc", " def"));
    assertEquals(3, prompts.prompts().size(), "each choice has another context");
    ScoredPrompt last = prompts.prompts().get(2);
    assertEquals(8, last.longest());
    assertArrayEquals(ids("5678"), last.prefix());
    assertArrayEquals(ids("9 de"), last.branches().get(0).inputs());
    assertEquals(8, prompts.prompts().get(0).longest());
  }

  @Test
  void scoresGoBackToTheirQuestions() {
    TaskPrompts prompts = prompts(8, task("0123456789", " a", " b", " def"));
    BranchScore a = new BranchScore(2, 1, 0, 0, 0);
    BranchScore b = new BranchScore(2, 2, 0, 0, 0);
    BranchScore c = new BranchScore(4, 3, 0, 0, 0);
    assertEquals(List.of(List.of(a, b, c)), prompts.byQuestion(List.of(List.of(a, b), List.of(c))));
  }

  @Test
  void aContinuationLongerThanTheContextIsRefused() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> prompts(3, task("a", " bcd", " e")));
    assertTrue(
        e.getMessage()
            .startsWith("a.jsonl, line 3: expected continuations of 1 to 3 tokens, the model's"),
        e.getMessage());
    assertTrue(e.getMessage().contains("got 4"), e.getMessage());
  }
}
