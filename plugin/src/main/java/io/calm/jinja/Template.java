package io.calm.jinja;

import java.time.Clock;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A parsed template. Immutable and thread safe; each rendering has a state of its own. */
public final class Template {
  private final List<Stmt> statements;
  private final List<Stmt.Block> blocks = new ArrayList<>();
  private final Limits limits;

  private Template(List<Stmt> statements, Limits limits) {
    this.statements = statements;
    this.limits = limits;
    Node.walk(
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
   * @throws TemplateSyntaxException if it is not Jinja2 or uses what this engine refuses
   */
  public static Template parse(String source) {
    return parse(source, Limits.DEFAULTS);
  }

  /**
   * Parses a template.
   *
   * @throws TemplateSyntaxException if it is not Jinja2 or uses what this engine refuses
   */
  public static Template parse(String source, Limits limits) {
    return new Template(Parser.parse(source, limits), limits);
  }

  /** Renders with the time of the system's clock. */
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
   * @throws TemplateRuntimeException if it does what Python does not allow
   * @throws TemplateLimitException if it exceeds a limit
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
   * Tells whether the template loops over a member of a variable's elements, as {@code {% for part
   * in message.content %}} does inside {@code {% for message in messages %}}. Follows assignments,
   * filters, slices and arguments of macros.
   *
   * @param variable name of a list, e.g. {@code messages}
   * @param member key of its elements, e.g. {@code content}
   */
  public boolean loopsOver(String variable, String member) {
    return new MemberLoops(statements, variable, member).exist();
  }

  /** Tells whether the template tests such a member for being a string. */
  public boolean testsForString(String variable, String member) {
    return new MemberLoops(statements, variable, member).testedForString();
  }
}
