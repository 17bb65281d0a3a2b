<?xml version="1.0" encoding="UTF-8"?>
<!--
  Confluence storage format to HTML.

  annotate.py adds facts from the wiki (addresses, names, the table of contents) and checked values (styles, colours,
  addresses) as attributes of the namespace "r". This style sheet only decides on markup. It copies only what it names, so
  an unknown element or attribute cannot reach the browser.
-->
<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:ac="http://atlassian.com/content"
    xmlns:ri="http://atlassian.com/resource/identifier"
    xmlns:r="urn:workplace-sandbox:resolved"
    exclude-result-prefixes="ac ri r">

  <xsl:output method="html" encoding="UTF-8" indent="no"/>

  <xsl:template match="/storage"><div><xsl:apply-templates/></div></xsl:template>

  <!-- Elements without a rule: only their content. -->
  <xsl:template match="*"><xsl:apply-templates/></xsl:template>

  <!-- ===== HTML ===== -->

  <xsl:template match="strong|b|em|i|u|s|del|strike|ins|sub|sup|small|big|cite|code|kbd|samp|tt|var|blockquote|pre|ul|dl|dt
                       |dd|li|span|div|abbr|q|address|font|center">
    <xsl:variable name="name">
      <xsl:choose>
        <xsl:when test="self::strike">s</xsl:when>
        <xsl:when test="self::big or self::font">span</xsl:when>
        <xsl:when test="self::tt">code</xsl:when>
        <xsl:when test="self::center">div</xsl:when>
        <xsl:otherwise><xsl:value-of select="local-name()"/></xsl:otherwise>
      </xsl:choose>
    </xsl:variable>
    <xsl:element name="{$name}">
      <xsl:apply-templates select="@r:*|@title"/>
      <xsl:apply-templates/>
    </xsl:element>
  </xsl:template>

  <xsl:template match="h1|h2|h3|h4|h5|h6">
    <xsl:element name="{local-name()}">
      <xsl:apply-templates select="@r:*"/>
      <xsl:apply-templates/>
    </xsl:element>
  </xsl:template>

  <!-- A browser ends a p before the first block in it: such a paragraph becomes a div. -->
  <xsl:template match="p">
    <xsl:choose>
      <xsl:when test=".//ac:structured-macro[not(@r:inline)] | .//ac:macro[not(@r:inline)] | .//ac:task-list | .//table
                      | .//ul | .//ol | .//div | .//p | .//pre">
        <div class="wk-p"><xsl:apply-templates select="@r:*"/><xsl:apply-templates/></div>
      </xsl:when>
      <xsl:otherwise>
        <p><xsl:apply-templates select="@r:*"/><xsl:apply-templates/></p>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template match="br"><br/></xsl:template>
  <xsl:template match="hr"><hr/></xsl:template>

  <xsl:template match="ol">
    <ol>
      <xsl:if test="number(@start) = number(@start)"><xsl:attribute name="start"><xsl:value-of select="number(@start)"/></xsl:attribute></xsl:if>
      <xsl:apply-templates/>
    </ol>
  </xsl:template>

  <xsl:template match="a">
    <xsl:choose>
      <xsl:when test="@r:href">
        <a href="{@r:href}">
          <xsl:if test="@r:external"><xsl:attribute name="rel">noopener noreferrer nofollow</xsl:attribute></xsl:if>
          <xsl:if test="@data-card-appearance"><xsl:attribute name="class">wk-card</xsl:attribute></xsl:if>
          <xsl:apply-templates select="@title"/>
          <xsl:apply-templates/>
        </a>
      </xsl:when>
      <xsl:otherwise><span class="wk-nolink"><xsl:apply-templates/></span></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- img is not storage format, but pages written by other tools have it. -->
  <xsl:template match="img[@r:src]">
    <span class="wk-image"><img src="{@r:src}" alt="{@alt}"><xsl:call-template name="size"/></img></span>
  </xsl:template>

  <xsl:template match="time">
    <time class="wk-time" datetime="{@datetime}"><xsl:value-of select="@datetime"/></time>
  </xsl:template>

  <!-- Elements that could run or load something: only their name is shown. -->
  <xsl:template match="script|style|iframe|object|embed|applet|form|input|button|select|textarea|link|meta|base|svg|math
                       |video|audio|source|template|noscript|frame|frameset|title|xmp|plaintext|noembed|noframes">
    <span class="wk-removed" title="This element is not shown">&lt;<xsl:value-of select="local-name()"/>&gt;</span>
  </xsl:template>

  <!-- ===== tables ===== -->

  <xsl:template match="table">
    <div class="wk-table">
      <table>
        <xsl:apply-templates select="@r:*"/>
        <xsl:apply-templates select="colgroup|caption"/>
        <xsl:apply-templates select="*[not(self::colgroup or self::caption)]"/>
      </table>
    </div>
  </xsl:template>

  <xsl:template match="colgroup"><colgroup><xsl:apply-templates select="col"/></colgroup></xsl:template>
  <xsl:template match="col"><col><xsl:apply-templates select="@r:*"/></col></xsl:template>
  <xsl:template match="table/caption"><caption><xsl:apply-templates/></caption></xsl:template>

  <xsl:template match="thead|tbody|tfoot|tr">
    <xsl:element name="{local-name()}"><xsl:apply-templates select="*"/></xsl:element>
  </xsl:template>

  <xsl:template match="td|th">
    <xsl:element name="{local-name()}">
      <xsl:apply-templates select="@r:*"/>
      <xsl:for-each select="@colspan|@rowspan">
        <xsl:if test="number(.) &gt; 1"><xsl:attribute name="{name()}"><xsl:value-of select="number(.)"/></xsl:attribute></xsl:if>
      </xsl:for-each>
      <xsl:apply-templates/>
    </xsl:element>
  </xsl:template>

  <!-- ===== resolved attributes ===== -->

  <xsl:template match="@r:style"><xsl:attribute name="style"><xsl:value-of select="."/></xsl:attribute></xsl:template>
  <xsl:template match="@r:id"><xsl:attribute name="id"><xsl:value-of select="."/></xsl:attribute></xsl:template>
  <xsl:template match="@r:class"><xsl:attribute name="class"><xsl:value-of select="."/></xsl:attribute></xsl:template>
  <xsl:template match="@title"><xsl:attribute name="title"><xsl:value-of select="."/></xsl:attribute></xsl:template>
  <xsl:template match="@r:*" priority="-0.4"/>

  <!-- ===== images ===== -->

  <xsl:template match="ac:image">
    <span>
      <xsl:attribute name="class">
        <xsl:text>wk-image</xsl:text>
        <xsl:if test="@r:align"> wk-align-<xsl:value-of select="@r:align"/></xsl:if>
        <xsl:if test="@ac:border = 'true'"> wk-border</xsl:if>
        <xsl:if test="@r:inline"> wk-inline</xsl:if>
      </xsl:attribute>
      <xsl:choose>
        <xsl:when test="@r:src">
          <img src="{@r:src}" alt="{@r:alt}">
            <xsl:if test="@ac:title"><xsl:attribute name="title"><xsl:value-of select="@ac:title"/></xsl:attribute></xsl:if>
            <xsl:call-template name="size"/>
          </img>
        </xsl:when>
        <xsl:otherwise>
          <span class="wk-missing" role="img" aria-label="missing image">
            <b>missing image</b><xsl:text> </xsl:text><xsl:value-of select="@r:missing"/>
          </span>
        </xsl:otherwise>
      </xsl:choose>
      <xsl:if test="ac:caption">
        <span class="wk-caption"><xsl:apply-templates select="ac:caption" mode="inline"/></span>
      </xsl:if>
    </span>
  </xsl:template>

  <xsl:template name="size">
    <xsl:if test="@r:width"><xsl:attribute name="width"><xsl:value-of select="@r:width"/></xsl:attribute></xsl:if>
    <xsl:if test="@r:height"><xsl:attribute name="height"><xsl:value-of select="@r:height"/></xsl:attribute></xsl:if>
  </xsl:template>

  <!-- A caption contains a paragraph, and is in one itself. -->
  <xsl:template match="ac:caption" mode="inline">
    <xsl:for-each select="node()">
      <xsl:choose>
        <xsl:when test="self::p"><xsl:if test="preceding-sibling::p"><br/></xsl:if><xsl:apply-templates select="node()"/></xsl:when>
        <xsl:otherwise><xsl:apply-templates select="."/></xsl:otherwise>
      </xsl:choose>
    </xsl:for-each>
  </xsl:template>

  <!-- ===== links, mentions, emoji, dates ===== -->

  <xsl:template match="ac:link">
    <xsl:choose>
      <xsl:when test="ri:user"><span class="wk-mention">@<xsl:value-of select="@r:text"/></span></xsl:when>
      <xsl:when test="@r:href">
        <a href="{@r:href}">
          <xsl:if test="@ac:card-appearance or ri:attachment">
            <xsl:attribute name="class"><xsl:if test="@ac:card-appearance">wk-card </xsl:if><xsl:if test="ri:attachment">wk-file</xsl:if></xsl:attribute>
          </xsl:if>
          <xsl:if test="@ac:tooltip"><xsl:attribute name="title"><xsl:value-of select="@ac:tooltip"/></xsl:attribute></xsl:if>
          <xsl:call-template name="link-body"/>
        </a>
      </xsl:when>
      <xsl:otherwise>
        <span class="wk-nolink" title="not found: {@r:text}"><xsl:call-template name="link-body"/></span>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="link-body">
    <xsl:choose>
      <xsl:when test="ac:link-body[node()]"><xsl:apply-templates select="ac:link-body/node()"/></xsl:when>
      <xsl:when test="ac:plain-text-link-body != ''"><xsl:value-of select="ac:plain-text-link-body"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="@r:text"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template match="ac:emoticon"><span class="{@r:class}" role="img" aria-label="{@r:text}"><xsl:value-of select="@r:emoji"/></span></xsl:template>

  <xsl:template match="ac:placeholder"><span class="wk-placeholder"><xsl:value-of select="."/></span></xsl:template>

  <xsl:template match="ac:inline-comment-marker">
    <mark class="wk-marked"><xsl:apply-templates select="@r:*"/><xsl:apply-templates/></mark>
  </xsl:template>

  <!-- ===== tasks ===== -->

  <xsl:template match="ac:task-list"><ul class="wk-tasks"><xsl:apply-templates select="ac:task|ac:task-list"/></ul></xsl:template>
  <xsl:template match="ac:task-list/ac:task-list"><li><ul class="wk-tasks"><xsl:apply-templates select="ac:task|ac:task-list"/></ul></li></xsl:template>
  <xsl:template match="ac:task">
    <xsl:variable name="done" select="normalize-space(ac:task-status) = 'complete'"/>
    <li>
      <xsl:if test="$done"><xsl:attribute name="class">wk-done</xsl:attribute></xsl:if>
      <input type="checkbox" disabled="disabled">
        <xsl:if test="$done"><xsl:attribute name="checked">checked</xsl:attribute></xsl:if>
        <xsl:attribute name="aria-label"><xsl:choose><xsl:when test="$done">done</xsl:when><xsl:otherwise>open</xsl:otherwise></xsl:choose></xsl:attribute>
      </input>
      <div><xsl:apply-templates select="ac:task-body/node()"/></div>
    </li>
  </xsl:template>

  <!-- ===== layouts ===== -->

  <xsl:template match="ac:layout"><div class="wk-layout"><xsl:apply-templates select="*"/></div></xsl:template>
  <xsl:template match="ac:layout-section"><div class="wk-section wk-{@r:layout}"><xsl:apply-templates select="*"/></div></xsl:template>
  <xsl:template match="ac:layout-cell"><div class="wk-cell"><xsl:apply-templates/></div></xsl:template>

  <!-- ===== editor extensions: show the fallback of unknown ones ===== -->

  <xsl:template match="ac:adf-extension">
    <xsl:choose>
      <xsl:when test="ac:adf-fallback"><xsl:apply-templates select="ac:adf-fallback/node()"/></xsl:when>
      <xsl:otherwise><div class="wk-adf"><xsl:apply-templates select=".//ac:adf-content/node()"/></div></xsl:otherwise>
    </xsl:choose>
  </xsl:template>
  <xsl:template match="ac:adf-attribute|ac:adf-mark|ac:adf-fragment-mark|ac:adf-parameter"/>

  <!-- ===== macros ===== -->

  <xsl:template match="ac:parameter"/>
  <xsl:template match="ac:default-parameter"/>
  <xsl:template match="ac:rich-text-body"><xsl:apply-templates/></xsl:template>

  <xsl:template match="ac:structured-macro|ac:macro">
    <xsl:variable name="name" select="@ac:name"/>
    <xsl:variable name="title" select="ac:parameter[@ac:name='title']"/>
    <xsl:variable name="text" select="ac:plain-text-body"/>
    <xsl:choose>

      <xsl:when test="$name='status'"><span class="wk-status wk-{@r:colour}"><xsl:value-of select="@r:text"/></span></xsl:when>

      <xsl:when test="$name='info' or $name='note' or $name='tip' or $name='warning' or $name='success' or $name='error'">
        <div class="wk-panel wk-{$name}">
          <xsl:if test="$title != ''"><p class="wk-panel-title"><xsl:value-of select="$title"/></p></xsl:if>
          <xsl:apply-templates select="ac:rich-text-body"/>
        </div>
      </xsl:when>

      <xsl:when test="$name='panel'">
        <div class="wk-panel wk-custom">
          <xsl:apply-templates select="@r:style"/>
          <xsl:if test="@r:emoji"><span class="wk-panel-icon"><xsl:value-of select="@r:emoji"/></span></xsl:if>
          <xsl:if test="$title != ''"><p class="wk-panel-title"><xsl:value-of select="$title"/></p></xsl:if>
          <xsl:apply-templates select="ac:rich-text-body"/>
        </div>
      </xsl:when>

      <xsl:when test="$name='expand'">
        <details class="wk-expand">
          <summary><xsl:choose><xsl:when test="$title != ''"><xsl:value-of select="$title"/></xsl:when><xsl:otherwise>Click here to expand…</xsl:otherwise></xsl:choose></summary>
          <div><xsl:apply-templates select="ac:rich-text-body"/></div>
        </details>
      </xsl:when>

      <xsl:when test="$name='code' or $name='noformat'">
        <div class="wk-code">
          <xsl:variable name="language" select="ac:parameter[@ac:name='language' or @ac:name='']"/>
          <xsl:if test="$title != '' or $language != ''">
            <div class="wk-code-head"><span><xsl:value-of select="$title"/></span><span><xsl:value-of select="$language"/></span></div>
          </xsl:if>
          <!-- The parser of HTML drops a newline right after <pre>; the code element keeps the first line of the body. -->
          <pre><code><xsl:value-of select="$text"/></code></pre>
        </div>
      </xsl:when>

      <xsl:when test="$name='toc'">
        <nav aria-label="Table of contents">
          <xsl:attribute name="class">wk-toc<xsl:if test="ac:parameter[@ac:name='style'] = 'none'"> wk-plain</xsl:if><xsl:if test="ac:parameter[@ac:name='type'] = 'flat'"> wk-flat</xsl:if></xsl:attribute>
          <xsl:apply-templates select="r:toc"/>
          <xsl:if test="not(r:toc)"><p class="wk-empty">No headings.</p></xsl:if>
        </nav>
      </xsl:when>

      <xsl:when test="$name='children' or $name='pagetree'">
        <div class="wk-children">
          <xsl:apply-templates select="r:toc"/>
          <xsl:if test="not(r:toc)"><p class="wk-empty">No child pages.</p></xsl:if>
        </div>
      </xsl:when>

      <xsl:when test="$name='excerpt'">
        <xsl:if test="not(ac:parameter[@ac:name='hidden'] = 'true')"><div class="wk-excerpt"><xsl:apply-templates select="ac:rich-text-body"/></div></xsl:if>
      </xsl:when>

      <xsl:when test="$name='section'"><div class="wk-columns"><xsl:apply-templates select="ac:rich-text-body"/></div></xsl:when>
      <xsl:when test="$name='column'"><div class="wk-column"><xsl:apply-templates select="@r:style"/><xsl:apply-templates select="ac:rich-text-body"/></div></xsl:when>
      <xsl:when test="$name='quote'"><blockquote><xsl:apply-templates select="ac:rich-text-body"/></blockquote></xsl:when>
      <xsl:when test="$name='anchor'"><span class="wk-anchor"><xsl:apply-templates select="@r:id"/></span></xsl:when>
      <xsl:when test="$name='details'"><div class="wk-details"><xsl:apply-templates select="ac:rich-text-body"/></div></xsl:when>

      <xsl:when test="$name='jira' and ac:parameter[@ac:name='key'] != ''">
        <span class="wk-issue"><xsl:value-of select="ac:parameter[@ac:name='key']"/></span>
      </xsl:when>

      <xsl:when test="($name='view-file' or $name='viewpdf' or $name='viewdoc' or $name='viewxls' or $name='viewppt') and @r:text">
        <xsl:choose>
          <xsl:when test="@r:href"><a class="wk-filecard" href="{@r:href}"><xsl:value-of select="@r:text"/></a></xsl:when>
          <xsl:otherwise><span class="wk-missing"><b>missing file</b><xsl:text> </xsl:text><xsl:value-of select="@r:text"/></span></xsl:otherwise>
        </xsl:choose>
      </xsl:when>

      <xsl:otherwise>
        <div class="wk-macro">
          <div class="wk-macro-head"><span>macro</span><b><xsl:value-of select="$name"/></b></div>
          <xsl:if test="ac:parameter[not(@r:hidden)]">
            <dl>
              <xsl:for-each select="ac:parameter[not(@r:hidden)]">
                <dt><xsl:value-of select="@ac:name"/></dt>
                <dd><xsl:value-of select="."/><xsl:for-each select="*"><xsl:value-of select="@ri:filename|@ri:content-title|@ri:space-key|@ri:value"/></xsl:for-each></dd>
              </xsl:for-each>
            </dl>
          </xsl:if>
          <xsl:if test="ac:rich-text-body"><div class="wk-macro-body"><xsl:apply-templates select="ac:rich-text-body"/></div></xsl:if>
          <xsl:if test="$text != ''"><pre><code><xsl:value-of select="$text"/></code></pre></xsl:if>
        </div>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- Nested lists that annotate.py made: a table of contents, child pages. -->
  <xsl:template match="r:toc"><ul><xsl:apply-templates select="r:entry"/></ul></xsl:template>
  <xsl:template match="r:entry">
    <li>
      <xsl:choose>
        <xsl:when test="@r:href"><a href="{@r:href}"><xsl:if test="@r:number"><span class="wk-number"><xsl:value-of select="@r:number"/></span></xsl:if><xsl:value-of select="@r:text"/></a></xsl:when>
        <xsl:otherwise><xsl:value-of select="@r:text"/></xsl:otherwise>
      </xsl:choose>
      <xsl:apply-templates select="r:toc"/>
    </li>
  </xsl:template>

</xsl:stylesheet>
