{{%AUTOESCAPE context="HTML"}}{{>TOP}}
<h1>{{T_SITE_NAME}}</h1>
<p class="lead">{{T_INTRO}}</p>
<ol class="stages" aria-label="{{T_PROGRAMME_STAGES}}"><li>{{T_STAGE_NOMINATION}}</li><li>{{T_STAGE_REVIEW}}</li><li>{{T_STAGE_PUBLICITY}}</li><li>{{T_STAGE_AWARD}}</li><li>{{T_STAGE_ANNUAL}}</li></ol>
<section><h2>{{T_OPEN_NOTICES}}</h2>
{{#NO_NOTICES}}<p class="empty">{{T_NOTICES_NONE}}</p>{{/NO_NOTICES}}
{{#HAS_NOTICES}}<table class="cards">
<caption>{{T_NOTICES_TITLE}}</caption>
<thead><tr><th scope="col">{{T_AWARD_TITLE}}</th><th scope="col">{{T_AWARD_ORG}}</th><th scope="col">{{T_NOTICE_PROGRAMME}}</th><th scope="col">{{T_NOTICE_LAST_DAY}}</th><th scope="col">{{T_AWARD_STATUS}}</th></tr></thead>
<tbody>
{{#NOTICE}}<tr><th scope="row"><a href="{{URL}}">{{NAME}}</a></th><td data-label="{{T_AWARD_ORG}}">{{ORG}}</td><td data-label="{{T_NOTICE_PROGRAMME}}">{{PROGRAMME}}</td><td data-label="{{T_NOTICE_LAST_DAY}}" class="num">{{LAST_DAY}}</td><td data-label="{{T_AWARD_STATUS}}">{{#OPEN}}<span class="badge open">{{T_NOTICE_REMAINING}} {{DAYS}} {{T_NOTICE_REMAINING_UNIT}}</span>{{/OPEN}}{{#OVER}}<span class="badge">{{STATUS}}</span>{{/OVER}}</td></tr>
{{/NOTICE}}</tbody>
</table>{{/HAS_NOTICES}}
<p><a href="{{NOTICES_URL}}">{{T_ALL_NOTICES}}</a></p></section>
<section><h2>{{T_PROGRAMMES_TITLE}}</h2>
<ul class="tiles">
{{#PROGRAMME}}<li><h3><a href="{{URL}}">{{NAME}}</a></h3><p>{{DESCRIPTION}}</p><dl>{{#HAS_QUOTA}}<div><dt>{{T_PROGRAMME_QUOTA}}</dt><dd>{{QUOTA}} {{T_PROGRAMME_QUOTA_UNIT}}</dd></div>{{/HAS_QUOTA}}{{#HAS_TERM}}<div><dt>{{T_PROGRAMME_TERM}}</dt><dd>{{TERM}} {{T_PROGRAMME_TERM_UNIT}}</dd></div>{{/HAS_TERM}}</dl></li>
{{/PROGRAMME}}</ul></section>
<section><h2>{{T_LATEST_AWARDS}}</h2>
{{#NO_AWARDS}}<p class="empty">{{T_AWARDS_NONE}}</p>{{/NO_AWARDS}}
{{#HAS_AWARDS}}<table class="cards">
<caption>{{T_AWARDS_TITLE}}</caption>
<thead><tr><th scope="col">{{T_AWARD_NUMBER}}</th><th scope="col">{{T_AWARD_TITLE}}</th><th scope="col">{{T_AWARD_ORG}}</th><th scope="col">{{T_AWARD_GRANTED}}</th><th scope="col">{{T_AWARD_ENDS}}</th><th scope="col">{{T_AWARD_CHECKS}}</th><th scope="col">{{T_AWARD_STATUS}}</th></tr></thead>
<tbody>
{{#AWARD}}<tr><th scope="row" class="num">{{NUMBER}}</th><td data-label="{{T_AWARD_TITLE}}">{{NAME}}</td><td data-label="{{T_AWARD_ORG}}">{{ORG}}</td><td data-label="{{T_AWARD_GRANTED}}" class="num">{{GRANTED}}</td><td data-label="{{T_AWARD_ENDS}}" class="num">{{ENDS}}</td><td data-label="{{T_AWARD_CHECKS}}">{{CHECKS}}</td><td data-label="{{T_AWARD_STATUS}}"><span class="badge {{STATUS_CLASS}}">{{STATUS}}</span></td></tr>
{{/AWARD}}</tbody>
</table>{{/HAS_AWARDS}}
<p><a href="{{AWARDS_URL}}">{{T_ALL_AWARDS}}</a></p></section>
{{>BOTTOM}}
