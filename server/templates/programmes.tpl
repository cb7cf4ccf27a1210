{{%AUTOESCAPE context="HTML"}}{{>TOP}}
<h1>{{T_PROGRAMMES_TITLE}}</h1>
<p class="lead">{{T_PROGRAMMES_LEAD}}</p>
<ul class="tiles">
{{#PROGRAMME}}<li><h3><a href="{{URL}}">{{NAME}}</a></h3><p>{{DESCRIPTION}}</p><dl>{{#HAS_QUOTA}}<div><dt>{{T_PROGRAMME_QUOTA}}</dt><dd>{{QUOTA}} {{T_PROGRAMME_QUOTA_UNIT}}</dd></div>{{/HAS_QUOTA}}{{#HAS_TERM}}<div><dt>{{T_PROGRAMME_TERM}}</dt><dd>{{TERM}} {{T_PROGRAMME_TERM_UNIT}}</dd></div>{{/HAS_TERM}}</dl></li>
{{/PROGRAMME}}</ul>
{{>BOTTOM}}
