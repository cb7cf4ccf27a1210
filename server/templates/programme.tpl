{{%AUTOESCAPE context="HTML"}}{{>TOP}}
<h1>{{NAME}}</h1>
<p class="lead">{{DESCRIPTION}}</p>
<ol class="stages" aria-label="{{T_PROGRAMME_STAGES}}"><li>{{T_STAGE_NOMINATION}}</li><li>{{T_STAGE_REVIEW}}</li><li>{{T_STAGE_PUBLICITY}}</li><li>{{T_STAGE_AWARD}}</li><li>{{T_STAGE_ANNUAL}}</li></ol>
<dl class="facts">{{#HAS_QUOTA}}<div><dt>{{T_PROGRAMME_QUOTA}}</dt><dd>{{QUOTA}} {{T_PROGRAMME_QUOTA_UNIT}}</dd></div>{{/HAS_QUOTA}}{{#HAS_TERM}}<div><dt>{{T_PROGRAMME_TERM}}</dt><dd>{{TERM}} {{T_PROGRAMME_TERM_UNIT}}</dd></div>{{/HAS_TERM}}{{#HAS_PUBLICITY}}<div><dt>{{T_PROGRAMME_PUBLICITY}}</dt><dd>{{PUBLICITY}}</dd></div>{{/HAS_PUBLICITY}}</dl>
<div class="columns">
<section><h2>{{T_PROGRAMME_RUBRIC}}</h2>
<table><caption>{{T_PROGRAMME_RUBRIC}}</caption><thead><tr><th scope="col">{{T_PROGRAMME_CRITERION}}</th><th scope="col" class="num">{{T_PROGRAMME_WEIGHT}}</th></tr></thead><tbody>
{{#CRITERION}}<tr><th scope="row">{{LABEL}}</th><td class="num">{{WEIGHT}}</td></tr>
{{/CRITERION}}</tbody></table></section>
<section><h2>{{T_PROGRAMME_DOCUMENTS}}</h2>
<table><caption>{{T_PROGRAMME_DOCUMENTS}}</caption><thead><tr><th scope="col">{{T_PROGRAMME_DOCUMENT}}</th><th scope="col">{{T_PROGRAMME_KIND}}</th></tr></thead><tbody>
{{#DOCUMENT}}<tr><th scope="row">{{LABEL}}</th><td>{{REQUIRED}}</td></tr>
{{/DOCUMENT}}</tbody></table></section>
</div>
<section><h2>{{T_PROGRAMME_WORKFLOW}}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="{{T_PROGRAMME_WORKFLOW}}"><img class="diagram" src="{{DIAGRAM}}" alt="{{T_PROGRAMME_WORKFLOW}}"></div></section>
{{>BOTTOM}}
