package io.calm.jinja;

import java.time.Clock;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A parsed template. Immutable and thread safe; each rendering has its own state. */
public final class Template {
  private final List<Stmt> statements;
  private final List<Stmt.Block> blocks = new ArrayList<>();
  private final TemplateLimits limits;

  private Template(List<Stmt> statements, TemplateLimits limits) {
    this.statements = statements;
    this.limits = limits;
    SyntaxNode.walk(
        statements,
        node -> {
          if (node instanceof Stmt.Block block) {
            blocks.add(block);
          }
        });
  }

  /**
   * Parses a template with the default limits.
   *
   * @throws TemplateSyntaxException if the template is invalid or uses an unsupported construct
   */
  public static Template parse(String source) {
    return parse(source, TemplateLimits.DEFAULTS);
  }

  /**
   * Parses a template.
   *
   * @throws TemplateSyntaxException if the template is invalid or uses an unsupported construct
   */
  public static Template parse(String source, TemplateLimits limits) {
    return new Template(Parser.parse(source, limits), limits);
  }

  /** Renders the template with the system clock. */
  public String render(Map<String, ?> variables) {
    return render(variables, Clock.system(ZoneId.systemDefault()));
  }

  /**
   * Renders the template.
   *
   * @param variables values by name: null, booleans, numbers, strings, and lists and maps of them
   * @param clock time and zone of {@code strftime_now}
   * @throws IllegalArgumentException if a variable is of another type
   * @throws TemplateRaisedException if the template refuses with {@code raise_exception}
   * @throws TemplateRuntimeException if an operation fails as in Python
   * @throws TemplateLimitException if the rendering exceeds a limit
   */
  public String render(Map<String, ?> variables, Clock clock) {
    Engine engine = new Engine(limits, clock);
    try {
      return engine.render(statements, blocks, variables);
    } catch (Fault fault) {
      throw fault.at(engine.line());
    }
  }

  /**
   * Returns whether the template loops over a member of a variable's elements, as {@code {% for
   * part in message.content %}} does inside {@code {% for message in messages %}}. Follows
   * assignments, filters, slices and arguments of macros.
   *
   * @param variable name of a list, e.g. {@code messages}
   * @param member key of its elements, e.g. {@code content}
   */
  public boolean loopsOver(String variable, String member) {
    return new MemberLoops(statements, variable, member).exist();
  }

  /** Returns whether the template tests if such a member is a string. */
  public boolean testsForString(String variable, String member) {
    return new MemberLoops(statements, variable, member).testedForString();
  }
}
